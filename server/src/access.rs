//! Who may call what.

use http::HeaderMap;
use tonic::Status;

use crate::{authorizer::Call, options::ServeOptions};

/// Whether a call may be made.
pub(crate) fn check(
    options: &ServeOptions,
    method: &str,
    changes: bool,
    headers: &HeaderMap,
) -> Result<(), Status> {
    if !options.api_keys.is_empty() {
        let given = headers.get(http::header::AUTHORIZATION);
        let key = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if !key.is_some_and(|key| options.api_keys.has(key)) {
            return Err(Status::unauthenticated(
                "this server wants an API key: send `authorization: Bearer <key>`, which `temporal --api-key` does",
            ));
        }
    }
    if options.read_only && changes {
        return Err(Status::permission_denied(
            "this server is read-only: it answers what looks at executions, and refuses what changes them",
        ));
    }
    if let Some(authorizer) = &options.authorizer {
        let call = Call {
            method,
            changes,
            headers,
        };
        authorizer
            .authorize(call)
            .map_err(|denied| Status::permission_denied(denied.reason))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(options: &ServeOptions, changes: bool, key: Option<&str>) -> Option<tonic::Code> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert("authorization", key.parse().unwrap());
        }
        check(options, "service/Method", changes, &headers)
            .err()
            .map(|status| status.code())
    }

    #[test]
    fn a_key_that_is_not_one_of_them_is_refused() {
        let options = ServeOptions::default()
            .api_key("first key")
            .api_key("second key");
        assert_eq!(asked(&options, true, Some("Bearer second key")), None);
        for wrong in [
            None,
            Some("Bearer "),
            Some("second key"),
            Some("Bearer second kex"),
        ] {
            assert_eq!(
                asked(&options, false, wrong),
                Some(tonic::Code::Unauthenticated),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn nobody_changes_anything_through_a_server_that_is_read_only() {
        let options = ServeOptions::default().read_only();
        assert_eq!(asked(&options, false, None), None);
        assert_eq!(
            asked(&options, true, None),
            Some(tonic::Code::PermissionDenied)
        );
    }
}
