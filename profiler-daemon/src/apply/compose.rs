//! What to write for a container that Compose made. Pure.
//!
//! Compose makes its containers anew from its files whenever it finds that they differ, so a container
//! that was moved by hand would lose its profile at the next `up`. The profile goes beside the files,
//! and an override file names it.

use std::collections::BTreeMap;

use super::facts::Compose;

/// The override file beside the project's own.
pub const OVERRIDE: &str = "compose.profiler.yaml";

/// The first line of an override file that is ours: a file without it is somebody else's.
const OURS: &str =
    "# Written by `profilectl apply`, which adds services to it and keeps no other changes.";

/// Why an override file cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// It does not begin as ours do.
    #[error(
        "there is another file of that name, which was not written by profilectl: rename it, or \
         add the line `security_opt: [\"seccomp:FILE\"]` to the service yourself"
    )]
    Foreign,
}

/// The name of the file with a service's profile.
#[must_use]
pub fn profile_file(service: &str) -> String {
    format!("{}.profiler.json", plain(service))
}

/// A service's name as a part of a file's: Compose allows no separators in it, and neither does this.
fn plain(service: &str) -> String {
    let sound = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    service
        .chars()
        .map(|letter| if sound(letter) { letter } else { '_' })
        .collect()
}

/// The override file: what it says already, and the profile of this service besides. `version` is
/// that of the project's first file, which Compose 1 wants repeated.
///
/// # Errors
/// There is such a file, and it is not ours.
pub fn override_text(
    before: Option<&str>,
    version: Option<&str>,
    service: &str,
    profile: &str,
) -> Result<String, OverrideError> {
    let mut services = before.map_or_else(|| Ok(BTreeMap::new()), services)?;
    services.insert(service.to_owned(), format!("seccomp:{profile}"));
    let mut text = format!("{OURS}\n");
    if let Some(version) = version {
        text.push_str(&format!("version: {}\n", quoted(version)));
    }
    text.push_str("services:\n");
    for (service, option) in services {
        text.push_str(&format!(
            "  {}:\n    security_opt:\n      - {}\n",
            quoted(&service),
            quoted(&option)
        ));
    }
    Ok(text)
}

/// A JSON string is a YAML one, whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The services of an override file of ours, each with its option.
fn services(text: &str) -> Result<BTreeMap<String, String>, OverrideError> {
    let mut lines = text.lines();
    if lines.next() != Some(OURS) {
        return Err(OverrideError::Foreign);
    }
    let mut services = BTreeMap::new();
    let mut service = None;
    for line in lines {
        let unquoted = |text: &str| serde_json::from_str::<String>(text).ok();
        if let Some(option) = line.strip_prefix("      - ") {
            if let (Some(service), Some(option)) = (service.take(), unquoted(option)) {
                services.insert(service, option);
            }
        } else if let Some(name) = line
            .strip_prefix("  ")
            .and_then(|line| line.strip_suffix(':'))
        {
            service = unquoted(name).or(service);
        }
    }
    Ok(services)
}

/// The version that a Compose file says at its top, if it says one.
#[must_use]
pub fn version(file: &str) -> Option<String> {
    let line = file
        .lines()
        .find_map(|line| line.strip_prefix("version:"))?;
    let value = line.split(" #").next().unwrap_or(line).trim();
    let bare = value.trim_matches(['"', '\'']);
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// The project's files and the override, in order, as the command is to name them.
#[must_use]
pub fn files(compose: &Compose) -> Vec<String> {
    let inside = |file: &str| {
        if file.starts_with('/') || compose.folder.is_empty() {
            file.to_owned()
        } else {
            format!("{}/{file}", compose.folder)
        }
    };
    let own = compose.files.iter().map(|file| inside(file));
    let ours = inside(OVERRIDE);
    own.filter(|file| *file != ours)
        .chain([ours.clone()])
        .collect()
}

/// The command that puts the profile into force. With Compose 1, `docker-compose` stands for
/// `docker compose`.
#[must_use]
pub fn command(compose: &Compose) -> String {
    let mut words = vec![
        "docker".to_owned(),
        "compose".to_owned(),
        "-p".to_owned(),
        compose.project.clone(),
    ];
    if !compose.folder.is_empty() {
        words.extend(["--project-directory".to_owned(), compose.folder.clone()]);
    }
    for file in files(compose) {
        words.extend(["-f".to_owned(), file]);
    }
    words.extend(["up".to_owned(), "-d".to_owned(), compose.service.clone()]);
    let words: Vec<String> = words.iter().map(|word| for_shell(word)).collect();
    words.join(" ")
}

fn for_shell(word: &str) -> String {
    let plain = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/' | ':' | '=' | '@')
    };
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> Compose {
        Compose {
            project: "shop".to_owned(),
            service: "web".to_owned(),
            folder: "/srv/my shop".to_owned(),
            files: vec!["docker-compose.yml".to_owned(), "/etc/more.yaml".to_owned()],
        }
    }

    #[test]
    fn services_are_added_and_replaced() {
        let one = override_text(None, Some("3.8"), "web", "/srv/web.profiler.json").unwrap();
        let two = override_text(Some(&one), None, "db \"1\"", "/srv/db.json").unwrap();
        let three = override_text(Some(&two), None, "web", "/srv/new.json").unwrap();
        assert_eq!(
            three,
            format!(
                "{OURS}\nservices:\n  \"db \\\"1\\\"\":\n    security_opt:\n      - \
                 \"seccomp:/srv/db.json\"\n  \"web\":\n    security_opt:\n      - \
                 \"seccomp:/srv/new.json\"\n"
            )
        );
        assert!(one.contains("\nversion: \"3.8\"\n"));
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        for text in ["", "services: {}\n", "# Written by hand\n"] {
            let refused = override_text(Some(text), None, "web", "/x");
            assert_eq!(refused, Err(OverrideError::Foreign), "{text:?}");
        }
    }

    #[test]
    fn the_command_names_every_file_and_can_be_pasted() {
        assert_eq!(
            command(&project()),
            "docker compose -p shop --project-directory '/srv/my shop' -f '/srv/my \
             shop/docker-compose.yml' -f /etc/more.yaml -f '/srv/my shop/compose.profiler.yaml' up \
             -d web"
        );
        assert_eq!(for_shell("it's"), r"'it'\''s'");
        let mut again = project();
        again.files.push(OVERRIDE.to_owned());
        assert_eq!(command(&again), command(&project()));
    }

    #[test]
    fn versions_are_read_at_the_top_only() {
        for (text, said) in [
            ("version: '3.8'\nservices: {}\n", Some("3.8")),
            ("# c\nversion: \"2.4\" # old\n", Some("2.4")),
            ("services:\n  web:\n    version: 3\n", None),
            ("version:\n", None),
        ] {
            assert_eq!(version(text).as_deref(), said, "{text:?}");
        }
    }

    #[test]
    fn a_service_makes_no_path() {
        assert_eq!(profile_file("web"), "web.profiler.json");
        assert_eq!(profile_file("../x"), ".._x.profiler.json");
    }
}
