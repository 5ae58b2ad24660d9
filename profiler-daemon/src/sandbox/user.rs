//! The user that a command is run as, by number or by name.
//!
//! Reads /etc/passwd and /etc/group as they are; who is known elsewhere only is named by number.

use std::fs;

use super::SandboxError;

/// A user and the one group that the command is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl User {
    /// Reads `USER` or `USER:GROUP`. Without a group it is the user's own.
    ///
    /// # Errors
    /// There is no such user or group.
    pub fn named(text: &str) -> Result<Self, SandboxError> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::among(text, &read("/etc/passwd"), &read("/etc/group"))
    }

    fn among(text: &str, passwd: &str, group: &str) -> Result<Self, SandboxError> {
        let (user, wanted_group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let line = lines(passwd)
            .find(|fields| fields.first() == Some(&user) || fields.get(2) == Some(&user));
        let number = |fields: &[&str], place: usize| fields.get(place)?.parse().ok();
        let uid = identity(user).or_else(|| number(line.as_deref()?, 2));
        let uid = uid.ok_or_else(|| {
            SandboxError::NoUser(format!(
                "no user is called {user:?}; a number may be given in place of a name, as in 1000:1000"
            ))
        })?;
        let gid = match wanted_group {
            Some(name) => identity(name)
                .or_else(|| {
                    let line = lines(group).find(|fields| fields.first() == Some(&name))?;
                    number(&line, 2)
                })
                .ok_or_else(|| {
                    SandboxError::NoUser(format!(
                        "no group is called {name:?}; a number may be given in place of a name"
                    ))
                })?,
            None => line.and_then(|line| number(&line, 3)).ok_or_else(|| {
                SandboxError::NoUser(format!(
                    "user {user} is not in /etc/passwd, so its group is not known; give it too, as in \
                     {user}:{user}"
                ))
            })?,
        };
        Ok(Self { uid, gid })
    }
}

/// A number that can be somebody's: the greatest stands for "leave it as it is".
fn identity(text: &str) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number != u32::MAX)
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

#[cfg(test)]
mod tests {
    use super::User;

    #[test]
    fn users_are_numbers_or_names() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/:/bin/false\n";
        let user = |text| User::among(text, passwd, "adm:x:4:\n").ok();
        let is = |uid, gid| Some(User { uid, gid });
        assert_eq!(user("web"), is(33, 44));
        assert_eq!(user("33"), is(33, 44));
        assert_eq!(user("web:adm"), is(33, 4));
        assert_eq!(user("1000:1000"), is(1000, 1000));
        for bad in [
            "1000",
            "nobody-here",
            "web:none",
            "",
            ":",
            "-1",
            "4294967295:1",
            "web:",
        ] {
            assert_eq!(user(bad), None, "{bad}");
        }
    }
}
