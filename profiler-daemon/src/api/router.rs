//! Which request goes to which handler.

use axum::{
    Router,
    routing::{get, post, put},
};

use super::{
    audit,
    handlers::{self, Desk},
    observations, shadows, versions,
};

/// All endpoints, version 1.
pub(super) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/v1/status", get(handlers::status))
        .route("/v1/containers", get(handlers::list))
        .route("/v1/containers/{container}", get(handlers::show))
        .route(
            "/v1/containers/{container}/calls/{call}",
            get(handlers::explain),
        )
        .route("/v1/containers/{container}/profile", get(handlers::export))
        .route("/v1/containers/{container}/filters", get(handlers::filters))
        .route("/v1/containers/{container}/active", get(audit::active))
        .route(
            "/v1/containers/{container}/audit",
            get(audit::audit).post(audit::audit_candidate),
        )
        .route(
            "/v1/containers/{container}/observations",
            get(observations::of_container),
        )
        .route("/v1/images/{image}/profile", get(handlers::export_image))
        .route("/v1/images/{image}/workloads", get(handlers::workloads))
        .route("/v1/images/{image}/calls", get(handlers::explain_image))
        .route(
            "/v1/images/{image}/calls/{call}",
            get(handlers::explain_image_call),
        )
        .route(
            "/v1/images/{image}/observations",
            get(observations::of_image),
        )
        .route("/v1/observations", post(observations::import))
        .route(
            "/v1/containers/{container}/versions",
            get(versions::of_container),
        )
        .route(
            "/v1/containers/{container}/versions/{number}",
            get(versions::one_of_container),
        )
        .route(
            "/v1/containers/{container}/versions/{number}/promotion",
            put(versions::promote_of_container),
        )
        .route("/v1/images/{image}/versions", get(versions::of_image))
        .route(
            "/v1/images/{image}/versions/{number}",
            get(versions::one_of_image),
        )
        .route(
            "/v1/images/{image}/versions/{number}/promotion",
            put(versions::promote_of_image),
        )
        .route("/v1/watch", get(handlers::watch))
        .route("/v1/shadows", get(shadows::list).post(shadows::watch))
        .route(
            "/v1/shadows/{name}",
            get(shadows::show).put(shadows::put).delete(shadows::detach),
        )
        .fallback(handlers::unknown_path)
        .method_not_allowed_fallback(handlers::wrong_method)
        .with_state(desk)
}
