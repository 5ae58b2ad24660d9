//! Who is at the other end of a connection, as the kernel tells it: nothing that a client says takes part.

use std::fs;

use tokio::net::UnixStream;

/// The user at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(Option<u32>);

impl Peer {
    /// Of a connection that was accepted.
    pub(super) fn of(stream: &UnixStream) -> Self {
        Self(stream.peer_cred().ok().map(|peer| peer.uid()))
    }

    /// The user's name, or `uid N` where this host has none for the number; none if the kernel did not
    /// tell.
    pub(super) fn name(self) -> Option<String> {
        let uid = self.0?;
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Some(user_name(&users, uid).unwrap_or_else(|| {
            if uid == 0 {
                "root".to_owned()
            } else {
                format!("uid {uid}")
            }
        }))
    }
}

/// The first name of a number, from the text of `/etc/passwd`.
fn user_name(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::user_name;

    #[test]
    fn a_user_is_found_by_the_whole_number() {
        let text = "root:x:0:0::/root:/bin/sh\nann:x:1000:7::/:/bin/sh\n:x:7:7\nben:x:100:1000\nann2:x:1000:1\nbad";
        assert_eq!(user_name(text, 0).as_deref(), Some("root"));
        assert_eq!(user_name(text, 1000).as_deref(), Some("ann"));
        assert_eq!(user_name(text, 100).as_deref(), Some("ben"));
        assert_eq!(user_name(text, 7), None);
        assert_eq!(user_name(text, 1), None);
    }
}
