//! Connections to one HTTP endpoint, plain or with TLS, kept for the next request.

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// The longest that connecting may take, name lookup and TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// Idle connections that are kept.
const IDLE: usize = 4;

type Sender = SendRequest<Full<Bytes>>;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("connecting: {0}")]
    Connect(#[from] io::Error),
    #[error("connecting took more than {} s", CONNECT.as_secs())]
    Slow,
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("HTTP: {0}")]
    Exchange(#[from] hyper::Error),
    #[error("a header cannot be sent")]
    Header,
    #[error("an event is too large")]
    TooLarge,
}

/// Where to connect to.
pub(super) struct Endpoint {
    tls: Option<ServerName<'static>>,
    host: String,
    port: u16,
    /// Of the `Host` header: RFC 9110, section 7.2.
    authority: HeaderValue,
    target: PathAndQuery,
}

impl Endpoint {
    pub(super) fn parse(url: &str) -> Result<Endpoint, String> {
        const SHAPE: &str = "the address must be http://HOST[:PORT]/PATH or https://…, without a user's name";
        let uri: Uri = url.parse().map_err(|_| SHAPE)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(SHAPE)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => (Some(ServerName::try_from(host.clone()).map_err(|_| SHAPE)?), 443),
            _ => return Err(SHAPE.into()),
        };
        Ok(Endpoint {
            tls,
            host,
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| SHAPE)?,
            target: uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }
}

/// The endpoint with its idle connections.
pub(super) struct Line {
    endpoint: Endpoint,
    idle: Mutex<Vec<Sender>>,
    tls: OnceLock<TlsConnector>,
}

impl Line {
    pub(super) fn new(endpoint: Endpoint) -> Line {
        Line { endpoint, idle: Mutex::default(), tls: OnceLock::new() }
    }

    /// Sends a request and returns the head of the response; the body follows as it is read.
    pub(super) async fn request(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HttpError> {
        *request.uri_mut() = Uri::from(self.endpoint.target.clone());
        request.headers_mut().insert(HOST, self.endpoint.authority.clone());
        if let Some(mut sender) = self.kept() {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(self.keep(sender, response)),
                // The server closed it meanwhile, and nothing was sent.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failed.into_error().into()),
                },
            }
        }
        let mut sender = timeout(CONNECT, self.connect()).await.map_err(|_| HttpError::Slow)??;
        let response = sender.send_request(request).await?;
        Ok(self.keep(sender, response))
    }

    async fn connect(&self) -> Result<Sender, HttpError> {
        let Endpoint { tls, host, port, .. } = &self.endpoint;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.set_nodelay(true)?;
        match tls {
            None => converse(TokioIo::new(stream)).await,
            Some(name) => {
                let stream = self.tls()?.connect(name.clone(), stream).await?;
                converse(TokioIo::new(stream)).await
            }
        }
    }

    fn tls(&self) -> Result<&TlsConnector, HttpError> {
        if let Some(known) = self.tls.get() {
            return Ok(known);
        }
        let mut roots = RootCertStore::empty();
        // The machine's own; one that cannot be read is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| TlsConnector::from(Arc::new(config))))
    }

    fn kept(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let ready = idle.iter().position(Sender::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    /// It is ready again as soon as the body has been read.
    fn keep(&self, sender: Sender, response: Response<Incoming>) -> Response<Incoming> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(sender);
        }
        response
    }
}

async fn converse<S>(stream: S) -> Result<Sender, HttpError>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(stream).await?;
    // Ends with its sender and the bodies that are being read.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection to an MCP server ended: {error}");
        }
    });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_host_port_and_target() {
        let endpoint = Endpoint::parse("http://[::1]:8080/mcp?key=1").unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("::1", 8080));
        assert_eq!(endpoint.authority, "[::1]:8080");
        assert_eq!(endpoint.target, "/mcp?key=1");
        assert!(endpoint.tls.is_none());
        let endpoint = Endpoint::parse("https://mcp.example").unwrap();
        assert_eq!((endpoint.port, endpoint.target.as_str()), (443, "/"));
        assert!(endpoint.tls.is_some());
        for bad in ["mcp.example", "/mcp", "https://user:key@mcp.example/", "file:///etc/passwd", ""] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }
}
