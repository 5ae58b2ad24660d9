//! Prints a profile: the same bytes for the same profile, its fields always in one order.

use serde_json::{Map, Value, json};

use super::{Argument, Conditions, Profile, Rule};
use crate::seccomp::dialects::placed::Placed;

/// By what lines are indented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indent {
    /// Two spaces a level.
    Spaces,
    /// One tab a level, as in Docker's own file.
    Tab,
}

/// A profile as the text of a file, with a newline at its end.
#[must_use]
pub fn print(profile: &Profile, indent: Indent) -> String {
    indented(&to_value(profile), indent)
}

/// A JSON value as the text of a file.
pub(in crate::seccomp) fn indented(value: &Value, indent: Indent) -> String {
    let spaced = format!("{value:#}\n");
    if indent == Indent::Spaces {
        return spaced;
    }
    // A newline within a string is escaped, so every line begins with the indentation.
    spaced
        .split_inclusive('\n')
        .map(|line| {
            let text = line.trim_start_matches(' ');
            "\t".repeat((line.len() - text.len()) / 2) + text
        })
        .collect()
}

/// A profile as a JSON value, its fields in the order in which they are printed.
#[must_use]
pub fn to_value(profile: &Profile) -> Value {
    let mut object = Map::new();
    let Profile {
        default_action,
        default_errno_ret,
        default_errno,
        architectures,
        arch_map,
        flags,
        listener_path,
        listener_metadata,
        syscalls,
    } = profile;
    if let Some(action) = default_action {
        object.insert("defaultAction".to_owned(), action.scmp().into());
    }
    put_number(&mut object, "defaultErrnoRet", default_errno_ret.as_ref());
    put_text(&mut object, "defaultErrno", default_errno.as_ref());
    put_list(&mut object, "architectures", architectures);
    if !arch_map.is_empty() {
        let lines = arch_map.iter().map(|line| {
            json!({
                "architecture": line.architecture.value,
                "subArchitectures": words(&line.sub_architectures),
            })
        });
        object.insert("archMap".to_owned(), lines.collect());
    }
    if let Some(flags) = flags {
        object.insert("flags".to_owned(), words(flags));
    }
    put_text(&mut object, "listenerPath", listener_path.as_ref());
    put_text(&mut object, "listenerMetadata", listener_metadata.as_ref());
    object.insert(
        "syscalls".to_owned(),
        syscalls.iter().map(rule_value).collect(),
    );
    Value::Object(object)
}

fn rule_value(rule: &Rule) -> Value {
    let mut object = Map::new();
    put_text(&mut object, "name", rule.name.as_ref());
    if rule.name.is_none() || !rule.names.is_empty() {
        object.insert("names".to_owned(), words(&rule.names));
    }
    object.insert("action".to_owned(), rule.action.scmp().into());
    put_number(&mut object, "errnoRet", rule.errno_ret.as_ref());
    put_text(&mut object, "errno", rule.errno.as_ref());
    if !rule.args.is_empty() {
        object.insert(
            "args".to_owned(),
            rule.args.iter().map(argument_value).collect(),
        );
    }
    if !rule.comment.is_empty() {
        object.insert("comment".to_owned(), rule.comment.as_str().into());
    }
    put_conditions(&mut object, "includes", &rule.includes);
    put_conditions(&mut object, "excludes", &rule.excludes);
    Value::Object(object)
}

fn argument_value(argument: &Argument) -> Value {
    let mut object = Map::new();
    put_number(&mut object, "index", Some(&argument.index));
    put_number(&mut object, "value", Some(&argument.value));
    if argument.value_two.value != 0 {
        put_number(&mut object, "valueTwo", Some(&argument.value_two));
    }
    object.insert("op".to_owned(), argument.op.scmp().into());
    Value::Object(object)
}

fn put_conditions(object: &mut Map<String, Value>, field: &str, conditions: &Conditions) {
    if conditions.is_empty() {
        return;
    }
    let mut inner = Map::new();
    put_list(&mut inner, "caps", &conditions.caps);
    put_list(&mut inner, "arches", &conditions.arches);
    if let Some(version) = &conditions.min_kernel {
        inner.insert("minKernel".to_owned(), version.to_string().into());
    }
    object.insert(field.to_owned(), Value::Object(inner));
}

fn put_number(object: &mut Map<String, Value>, field: &str, number: Option<&Placed<u64>>) {
    if let Some(number) = number {
        object.insert(field.to_owned(), number.value.into());
    }
}

fn put_text(object: &mut Map<String, Value>, field: &str, text: Option<&Placed<String>>) {
    if let Some(text) = text {
        object.insert(field.to_owned(), text.value.as_str().into());
    }
}

fn put_list(object: &mut Map<String, Value>, field: &str, list: &[Placed<String>]) {
    if !list.is_empty() {
        object.insert(field.to_owned(), words(list));
    }
}

fn words(list: &[Placed<String>]) -> Value {
    list.iter().map(|word| word.value.as_str()).collect()
}
