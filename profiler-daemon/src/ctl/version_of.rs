//! `web@3` and `image:nginx:1.27@3`: versions as a person names them.

use super::exit::{ExitStatus, Failure};
use crate::{api::client::Client, profile::version::Subject};

/// What a name without a version means.
fn subject(name: &str) -> Subject {
    match name.strip_prefix("image:") {
        Some(image) => Subject::Image(image.to_owned()),
        None => Subject::Container(name.to_owned()),
    }
}

/// Of what the version is, and its number; none if the name has no version. What comes after the
/// last `@` is one only if it is a number: an image may be named by a digest.
pub(super) fn parse(name: &str) -> Option<(Subject, u64)> {
    let (of, number) = name.rsplit_once('@')?;
    let number = number.parse().ok().filter(|_| !of.is_empty())?;
    Some((subject(of), number))
}

/// What a name means, with or without a version.
pub(super) fn named(name: &str) -> Subject {
    parse(name).map_or_else(|| subject(name), |(subject, _)| subject)
}

/// A version as a person would name it.
fn name_of(subject: &Subject, number: u64) -> String {
    match subject {
        Subject::Container(name) => format!("{name}@{number}"),
        Subject::Image(name) => format!("image:{name}@{number}"),
    }
}

/// The version before: the parent of the one that is named; for a name without one, the newest that
/// is not of what is known now.
pub(super) async fn previous(name: &str, client: &Client) -> Result<String, Failure> {
    let (subject, number) = match parse(name) {
        Some((subject, number)) => (subject, Some(number)),
        None => (subject(name), None),
    };
    let history = client.history(&subject).await?;
    let mut older = history.versions.iter().filter(|version| match number {
        Some(number) => version.number < number,
        None => Some(&version.digest) != history.current.as_ref(),
    });
    match older.next() {
        Some(version) => Ok(name_of(&subject, version.number)),
        None => Err(Failure::new(
            ExitStatus::NotFound,
            format!(
                "{name} has no version before: `profilectl history` lists those that there are"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{named, parse};
    use crate::profile::version::Subject;

    #[test]
    fn a_version_is_a_number_after_the_last_at() {
        let container = |name: &str| Subject::Container(name.into());
        let image = |name: &str| Subject::Image(name.into());
        assert_eq!(parse("web@3"), Some((container("web"), 3)));
        assert_eq!(
            parse("image:reg:5000/a/web:1.4@12"),
            Some((image("reg:5000/a/web:1.4"), 12))
        );
        assert_eq!(
            parse("image:web@sha256:0f@2"),
            Some((image("web@sha256:0f"), 2))
        );
        // An entrypoint with an @ and a number is written with %40; one without a number stays as it is.
        for (name, version) in [
            (
                "image:web:1.4#/bin/sh@3",
                Some((image("web:1.4#/bin/sh"), 3)),
            ),
            ("image:web:1.4#/opt/x%402", None),
            ("image:web#/opt/x%402@7", Some((image("web#/opt/x%402"), 7))),
            ("image:web#/opt/x@y", None),
            ("image:web@sha256:0f#/bin/sh", None),
        ] {
            assert_eq!(parse(name), version, "{name}");
        }
        for none in [
            "web",
            "web@",
            "@3",
            "web@x",
            "web@-1",
            "image:web@sha256:0f",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
        assert_eq!(named("image:web@sha256:0f"), image("web@sha256:0f"));
        assert_eq!(named("web@3"), container("web"));
    }
}
