//! The transport over HTTP/1.1: what the SDK's streamable HTTP asks of a client.
//!
//! Connections are kept for the next request. Nothing is read past its bound, no redirect is
//! followed, no proxy or cookie is used.

use super::dial::{Endpoint, HttpError, Line};
use super::lines::{Cause, tell};
use super::server::Remote;
use crate::error::Fault;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::common::client_side_sse::FixedInterval;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse, StreamableHttpResponseLimits,
};
use sse_stream::{Sse, SseStream};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

type Headers = HashMap<HeaderName, HeaderValue>;
type Failure = StreamableHttpError<HttpError>;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
/// What the transport sets itself.
const RESERVED: [&str; 6] =
    ["accept", "content-type", "host", "mcp-session-id", "mcp-protocol-version", "last-event-id"];

/// A client of one endpoint. Clones are references.
#[derive(Clone)]
pub(super) struct Http {
    line: Arc<Line>,
    limit: usize,
    cause: Arc<Cause>,
}

impl Http {
    /// Checks the address and the headers; connects to nothing yet.
    pub(super) fn new(
        remote: &Remote,
        limit: usize,
        cause: Arc<Cause>,
    ) -> Result<(Http, StreamableHttpClientTransportConfig), Fault> {
        let wrong = |reason: String| Fault::Unreachable { reason };
        let endpoint = Endpoint::parse(&remote.url).map_err(wrong)?;
        let mut headers = Headers::new();
        for (name, value) in &remote.headers {
            let header = HeaderName::try_from(name).ok().filter(|name| !RESERVED.contains(&name.as_str()));
            let header = header.ok_or_else(|| wrong(format!("the header `{name}` cannot be set")))?;
            // Not shown: it may be a secret.
            let value = HeaderValue::try_from(value).map_err(|_| wrong(format!("the value of `{name}` is invalid")))?;
            headers.insert(header, value);
        }
        let mut config = StreamableHttpClientTransportConfig::with_uri(remote.url.as_str()).custom_headers(headers);
        config = config.max_sse_event_size(limit).max_json_response_size(limit);
        // An answer whose stream broke is asked for again a few times, not for ever.
        let mut retry = FixedInterval::default();
        (retry.max_times, retry.duration) = (Some(2), Duration::from_millis(200));
        config.retry_config = Arc::new(retry);
        Ok((Http { line: Arc::new(Line::new(endpoint)), limit, cause }, config))
    }

    async fn send(
        &self,
        method: Method,
        body: Vec<u8>,
        extra: impl IntoIterator<Item = (HeaderName, String)>,
        token: Option<String>,
        custom: Headers,
    ) -> Result<hyper::Response<Incoming>, Failure> {
        let mut headers = HeaderMap::new();
        headers.extend(custom.into_iter().map(|(name, value)| (Some(name), value)));
        let token = token.map(|token| (AUTHORIZATION, format!("Bearer {token}")));
        for (name, value) in extra.into_iter().chain(token) {
            let value = HeaderValue::try_from(value).map_err(|_| Failure::Client(HttpError::Header))?;
            headers.insert(name, value);
        }
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        }
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        self.line.request(request).await.map_err(Failure::Client)
    }

    /// The events of a response, each within the bound; one that is not ends the whole connection.
    fn events(&self, body: Incoming) -> BoxStream<'static, Result<Sse, SseError>> {
        let (limit, cause) = (self.limit, Arc::clone(&self.cause));
        let mut event = EventLength::default();
        let chunks = body.into_data_stream().map(move |chunk| {
            let chunk = chunk.map_err(HttpError::Exchange)?;
            if event.longest_with(&chunk) > limit {
                tell(&cause, Fault::TooLarge { limit_bytes: limit });
                return Err(HttpError::TooLarge);
            }
            Ok(chunk)
        });
        // What follows a failed chunk is never asked for.
        let chunks = chunks.scan(false, |failed, chunk| {
            let over = std::mem::replace(failed, chunk.is_err());
            std::future::ready((!over).then_some(chunk))
        });
        SseStream::from_bytes_stream(chunks).boxed()
    }
}

impl StreamableHttpClient for Http {
    type Error = HttpError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        custom: Headers,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session, token, custom, limits).await
    }

    async fn post_message_with_response_limits(
        &self,
        _uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        custom: Headers,
        _limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let is_request = matches!(message, JsonRpcMessage::Request(_));
        let with_session = session.is_some();
        let mut extra = vec![(ACCEPT, format!("{JSON}, {EVENTS}"))];
        extra.extend(session.map(|session| (SESSION, session.to_string())));
        let response = self.send(Method::POST, serde_json::to_vec(&message)?, extra, token, custom).await?;

        let status = response.status();
        let kind = media_type(response.headers());
        let session = response.headers().get(&SESSION).and_then(|id| Some(id.to_str().ok()?.to_owned()));
        if status == StatusCode::NOT_FOUND && with_session {
            return Err(Failure::SessionExpired);
        }
        if !status.is_success() {
            // An error of the protocol says more than the status.
            let body = if kind == JSON { read(response.into_body(), self.limit).await? } else { Vec::new() };
            return match serde_json::from_slice(&body) {
                Ok(error @ ServerJsonRpcMessage::Error(_)) => Ok(StreamableHttpPostResponse::Json(error, session)),
                _ => Err(refused(status)),
            };
        }
        match kind.as_str() {
            _ if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) => {
                Ok(StreamableHttpPostResponse::Accepted)
            }
            EVENTS => Ok(StreamableHttpPostResponse::Sse(self.events(response.into_body()), session)),
            _ if !is_request => Ok(StreamableHttpPostResponse::Accepted),
            JSON => {
                let body = read(response.into_body(), self.limit).await?;
                Ok(StreamableHttpPostResponse::Json(serde_json::from_slice(&body)?, session))
            }
            _ => Err(Failure::UnexpectedContentType(Some(kind))),
        }
    }

    async fn delete_session(
        &self,
        _uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        custom: Headers,
    ) -> Result<(), Failure> {
        let response = self.send(Method::DELETE, Vec::new(), [(SESSION, session.to_string())], token, custom).await?;
        // A server need not know how.
        match response.status() {
            status if status.is_success() || status == StatusCode::METHOD_NOT_ALLOWED => Ok(()),
            status => Err(refused(status)),
        }
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        custom: Headers,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        let mut extra = vec![(ACCEPT, EVENTS.to_owned())];
        extra.extend(session.map(|session| (SESSION, session.to_string())));
        extra.extend(last_event.map(|event| (LAST_EVENT, event)));
        let response = self.send(Method::GET, Vec::new(), extra, token, custom).await?;
        match (response.status(), media_type(response.headers())) {
            (StatusCode::METHOD_NOT_ALLOWED, _) => Err(Failure::ServerDoesNotSupportSse),
            (status, _) if !status.is_success() => Err(refused(status)),
            (_, kind) if kind == EVENTS => Ok(self.events(response.into_body())),
            (_, kind) => Err(Failure::UnexpectedContentType(Some(kind))),
        }
    }
}

fn refused(status: StatusCode) -> Failure {
    Failure::UnexpectedServerResponse(format!("HTTP {status}").into())
}

/// The media type without its parameters, in small letters (RFC 9110, section 8.3.1).
fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a body, at most `limit` bytes of it.
async fn read(body: Incoming, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut chunks = body.into_data_stream();
    let mut read = Vec::new();
    while let Some(chunk) = chunks.try_next().await.map_err(|error| Failure::Client(HttpError::Exchange(error)))? {
        if chunk.len() > limit - read.len() {
            return Err(Failure::ResponseBodyTooLarge { max_size: limit });
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read)
}

/// The length of the event that is being read; events end at empty lines (HTML, section 9.2.6). One
/// whose lines end with a lone carriage return counts as part of the one before.
#[derive(Default)]
struct EventLength {
    event: usize,
    line: usize,
}

impl EventLength {
    /// The longest that any event is so far, of those that `chunk` has a part of.
    fn longest_with(&mut self, chunk: &[u8]) -> usize {
        let mut longest = 0;
        for byte in chunk {
            self.event += 1;
            longest = longest.max(self.event);
            match byte {
                b'\n' if self.line == 0 => self.event = 0,
                b'\n' => self.line = 0,
                b'\r' => (),
                _ => self.line += 1,
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_event_ends_at_an_empty_line() {
        let mut event = EventLength::default();
        assert_eq!(event.longest_with(b"data: 1\n"), 8);
        assert_eq!(event.longest_with(b"\r\ndata: 22\r\n\r\n"), 14 - 2);
        assert_eq!(event.longest_with(b"data"), 4);
        assert_eq!(event.longest_with(b"data"), 8);
    }

    #[test]
    fn headers_of_the_transport_and_addresses_of_another_kind_are_refused() {
        let open =
            |remote: Remote| Http::new(&remote, 1, Arc::new(Cause::new(None))).err().map(|fault| fault.to_string());
        assert_eq!(open(Remote::new("https://a.example/mcp").header("Authorization", "x")), None);
        let refused = open(Remote::new("https://a.example/mcp").header("Accept", "x")).unwrap();
        assert!(refused.contains("`Accept` cannot be set"), "{refused}");
        assert!(open(Remote::new("ftp://a.example/")).unwrap().contains("http://"));
        assert!(open(Remote::new("https://a.example/").header("X-Key", "a\nb")).unwrap().contains("`X-Key`"));
    }
}
