//! OTLP over gRPC: the two `Export` methods, as <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md> has
//! calls with one message and one answer.
//!
//! The message is read by the same code as a body over HTTP, so limits and the rule that one bad span never rejects its
//! batch hold here too; a generated service would have decoded the whole batch before anyone sees it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use arc_app::{Ingested, OtlpEncoding, OtlpSignal};
use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http_body::Frame;
use prost::Message as _;

use super::{ExportResponse, Intake, Packing, Written, count_refused, partial_success, read_body, receive};
use crate::Problem;

const GRPC: &str = "application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// What precedes a message: whether it is packed, and its length in four bytes.
const PREFIX: usize = 5;

const UNIMPLEMENTED: i32 = 12;

/// `google.rpc.Status`, with what goes with an error.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Duration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct Duration {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
pub(crate) async fn export_traces(State(intake): State<Intake>, request: Request) -> Response {
    answer(&intake, request, OtlpSignal::Traces).await
}

/// `opentelemetry.proto.collector.logs.v1.LogsService/Export`.
pub(crate) async fn export_logs(State(intake): State<Intake>, request: Request) -> Response {
    answer(&intake, request, OtlpSignal::Logs).await
}

/// Any other method.
pub(crate) async fn unknown_method(request: Request) -> Response {
    let path = request.uri().path();
    failed(UNIMPLEMENTED, &format!("`{path}` is not served: only the export of traces and logs is"), None)
}

async fn answer(intake: &Intake, request: Request, signal: OtlpSignal) -> Response {
    let (parts, body) = request.into_parts();
    match take_in(intake, &parts.headers, body, signal).await {
        Ok(ingested) => succeeded(&ExportResponse { partial_success: partial_success(&ingested.diagnostics) }),
        Err(problem) => {
            count_refused(&intake.app, &parts.headers, &problem).await;
            refuse(&problem)
        }
    }
}

async fn take_in(intake: &Intake, headers: &HeaderMap, body: Body, signal: OtlpSignal) -> Result<Ingested, Problem> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    if !media.starts_with(GRPC) {
        return Err(Problem::unsupported_media(format!("content type `{media}`: this port speaks gRPC only")));
    }
    let name = headers.get(ENCODING).map(|name| name.to_str().unwrap_or_default()).unwrap_or_default();
    let packing = Packing::from_name(name).ok_or_else(|| {
        Problem::unsupported_media(format!("grpc-encoding `{name}`: send one of {}, or none", Packing::NAMES))
    })?;
    let (body, admitted) = read_body(intake, headers, body).await?;
    let (is_packed, message) = unframe(&body)?;
    let packing = if is_packed { packing } else { Packing::None };
    let written = Written { signal, encoding: OtlpEncoding::Protobuf };
    receive(intake, headers, (message, admitted), packing, written).await
}

/// Returns the one message of a call, and whether it is packed.
fn unframe(body: &Bytes) -> Result<(bool, Bytes), Problem> {
    let broken = || Problem::invalid("the call has to carry exactly one message, and its length has to be right");
    let prefix = body.first_chunk::<PREFIX>().ok_or_else(broken)?;
    let [is_packed, length @ ..] = *prefix;
    if body.len() - PREFIX != u32::from_be_bytes(length) as usize || is_packed > 1 {
        return Err(broken());
    }
    Ok((is_packed == 1, body.slice(PREFIX..)))
}

fn succeeded(response: &ExportResponse) -> Response {
    let message = response.encode_to_vec();
    let mut frame = Vec::with_capacity(PREFIX + message.len());
    frame.push(0);
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(&message);
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    respond(Body::new(Answer { data: Some(frame.into()), trailers: Some(trailers) }), HeaderMap::new())
}

fn refuse(problem: &Problem) -> Response {
    // The canonical codes.
    let code = match problem.status() {
        StatusCode::BAD_REQUEST => 3,
        StatusCode::FORBIDDEN => 7,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => 8,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => UNIMPLEMENTED,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 13,
    };
    failed(code, problem.detail(), problem.is_passing().then_some(Problem::RETRY_AFTER_SECONDS))
}

/// Answers without a message: everything is in the headers.
fn failed(code: i32, message: &str, retry_after: Option<u32>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(STATUS, HeaderValue::from(code));
    if let Ok(text) = HeaderValue::from_str(&percent_encoded(message)) {
        headers.insert(MESSAGE, text);
    }
    if let Some(seconds) = retry_after {
        // Exporters try RESOURCE_EXHAUSTED again only when told when.
        let retry = RetryInfo { retry_delay: Some(Duration { seconds: i64::from(seconds) }) };
        let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
        let details = vec![Any { type_url, value: retry.encode_to_vec() }];
        let status = Status { code, message: message.to_owned(), details };
        if let Ok(text) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(status.encode_to_vec())) {
            headers.insert(DETAILS, text);
        }
    }
    respond(Body::empty(), headers)
}

fn respond(body: Body, headers: HeaderMap) -> Response {
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip,zstd"));
    response
}

/// Returns a text as gRPC writes it in a header: printable ASCII, everything else by its bytes in hexadecimal.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A message, then the status.
struct Answer {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let data = self.data.take().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_carries_one_message_of_the_length_it_says() {
        let message = |bytes: &'static [u8]| unframe(&Bytes::from_static(bytes)).map(|(_, message)| message.to_vec());
        assert_eq!(message(&[0, 0, 0, 0, 2, 7, 8]).unwrap(), [7, 8]);
        assert!(message(&[0, 0, 0, 0, 0]).unwrap().is_empty());
        for broken in [&[][..], &[0, 0, 0], &[0, 0, 0, 0, 2, 7], &[0, 0, 0, 0, 0, 7], &[2, 0, 0, 0, 0]] {
            assert!(unframe(&Bytes::copy_from_slice(broken)).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_text_in_a_header_is_printable() {
        assert_eq!(percent_encoded("100 % é\n"), "100 %25 %C3%A9%0A");
    }
}
