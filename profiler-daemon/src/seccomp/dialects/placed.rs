//! A value that remembers where in a text it was written.
//!
//! The place takes no part in comparing: a profile that was printed and read again is the same
//! profile.

use std::ops::Deref;

use crate::seccomp::finding::Place;

/// A value and its place, if it came from a text.
#[derive(Clone, Debug, Default)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Option<Place>,
}

impl<T> Placed<T> {
    /// A value of a text.
    #[must_use]
    pub const fn at(value: T, place: Place) -> Self {
        Self {
            value,
            place: Some(place),
        }
    }
}

impl<T> From<T> for Placed<T> {
    fn from(value: T) -> Self {
        Self { value, place: None }
    }
}

impl From<&str> for Placed<String> {
    fn from(value: &str) -> Self {
        value.to_owned().into()
    }
}

impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Placed<T> {}

impl<T> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Placed};

    #[test]
    fn places_take_no_part_in_comparing() {
        let place = Place { line: 2, column: 7 };
        assert_eq!(Placed::at(1, place), Placed::from(1));
        assert_ne!(Placed::at(1, place), Placed::at(2, place));
    }
}
