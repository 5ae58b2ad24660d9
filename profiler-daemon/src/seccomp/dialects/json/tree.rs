//! The tree: what a JSON text says, with places.

use std::borrow::Cow;

use jsonc_parser::{ast, common::Ranged};

use crate::seccomp::finding::Place;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'t> {
    /// Of its first character.
    pub place: Place,
    /// What it is.
    pub value: Value<'t>,
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'t> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as it was written, of any length.
    Number(&'t str),
    /// A string, its escapes resolved.
    String(Cow<'t, str>),
    /// A list.
    Array(Vec<Node<'t>>),
    /// An object's members in the order of the text; a key may occur more than once.
    Object(Vec<Member<'t>>),
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'t> {
    /// Its key.
    pub key: Cow<'t, str>,
    /// Where the key begins.
    pub place: Place,
    /// Its value.
    pub value: Node<'t>,
}

impl<'t> Node<'t> {
    /// What kind of value it is, with its article: `a number`, `null`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// The last member with this very key.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Member<'t>> {
        match &self.value {
            Value::Object(members) => members.iter().rev().find(|member| member.key == key),
            _ => None,
        }
    }
}

/// Builds the tree of a parsed text. Recurses as deep as the text nests.
pub(super) fn build<'t>(text: &'t str, value: ast::Value<'t>) -> Node<'t> {
    Places {
        text: text.as_bytes(),
        offset: 0,
        place: Place { line: 1, column: 1 },
    }
    .node(value)
}

/// Turns offsets that only grow into places, reading the text once.
struct Places<'t> {
    text: &'t [u8],
    offset: usize,
    place: Place,
}

impl Places<'_> {
    fn at(&mut self, offset: usize) -> Place {
        let passed = self.text.get(self.offset..offset).unwrap_or_default();
        for byte in passed {
            if *byte == b'\n' {
                self.place.line = self.place.line.saturating_add(1);
                self.place.column = 1;
            } else if byte & 0xc0 != 0x80 {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        self.offset = self.offset.max(offset);
        self.place
    }

    fn node<'t>(&mut self, value: ast::Value<'t>) -> Node<'t> {
        let place = self.at(value.start());
        let value = match value {
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::BooleanLit(literal) => Value::Bool(literal.value),
            ast::Value::NumberLit(literal) => Value::Number(literal.value),
            ast::Value::StringLit(literal) => Value::String(literal.value),
            ast::Value::Array(list) => Value::Array(
                list.elements
                    .into_iter()
                    .map(|element| self.node(element))
                    .collect(),
            ),
            ast::Value::Object(object) => Value::Object(
                object
                    .properties
                    .into_iter()
                    .map(|property| self.member(property))
                    .collect(),
            ),
        };
        Node { place, value }
    }

    fn member<'t>(&mut self, property: ast::ObjectProp<'t>) -> Member<'t> {
        let place = self.at(property.name.start());
        let key = match property.name {
            ast::ObjectPropName::String(literal) => literal.value,
            ast::ObjectPropName::Word(literal) => Cow::Borrowed(literal.value),
        };
        Member {
            key,
            place,
            value: self.node(property.value),
        }
    }
}
