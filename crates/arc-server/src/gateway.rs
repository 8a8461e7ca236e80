//! Model calls that pass through: any program whose client takes a base URL is traced without an SDK.
//!
//! `/gateway/{project}/{run}/{provider}/…` is forwarded to the provider as it came, and answered as the provider
//! answers, stream and all; a copy becomes a span. `run` is `-`, or the run and the step that call, as
//! `arc-eval run` writes them into the base URL: 32 hexadecimal digits, a hyphen, 16.
//!
//! Only known providers are forwarded to; keys pass through and are not kept.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use arc_app::{App, PassedAnswer, PassingCall};
use arc_model::{ProjectId, SpanId, Timestamp, TraceId};
use axum::{
    body::{Body, Bytes},
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{Problem, ServerConfig};

/// Most bytes of an answer that are recorded; all of it is passed on.
const MAX_RECORDED: usize = 16 << 20;

/// Providers that are forwarded to, and where.
const UPSTREAMS: &[(&str, &str)] = &[
    ("anthropic", "https://api.anthropic.com"),
    ("cohere", "https://api.cohere.com"),
    ("deepseek", "https://api.deepseek.com"),
    ("gemini", "https://generativelanguage.googleapis.com"),
    ("groq", "https://api.groq.com"),
    ("mistral", "https://api.mistral.ai"),
    ("openai", "https://api.openai.com"),
    ("openrouter", "https://openrouter.ai"),
    ("xai", "https://api.x.ai"),
];

/// Headers that belong to one connection, and those that this server decides.
const NOT_FORWARDED: [HeaderName; 9] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::PROXY_AUTHORIZATION,
    header::HOST,
    header::CONTENT_LENGTH,
    // The copy is read as it is; asking for it plain is cheaper than unpacking it twice.
    header::ACCEPT_ENCODING,
];

/// What forwards.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    upstreams: Arc<BTreeMap<String, String>>,
    last_ends: LastEnds,
}

/// When the last call of each run that is under way ended.
#[derive(Debug, Clone, Default)]
struct LastEnds(Arc<Mutex<BTreeMap<TraceId, Timestamp>>>);

impl LastEnds {
    /// Runs that are remembered; past it the one that has been silent longest is forgotten.
    const MOST: usize = 4096;

    fn of(&self, run: TraceId) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&run).copied()
    }

    fn remember(&self, run: TraceId, end: Timestamp) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.insert(run, end);
        if ends.len() > Self::MOST {
            let silent = ends.iter().min_by_key(|(_, end)| **end).map(|(run, _)| *run);
            silent.and_then(|run| ends.remove(&run));
        }
    }
}

impl Gateway {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let known = UPSTREAMS.iter().map(|(name, base)| ((*name).to_owned(), (*base).to_owned()));
        let configured =
            config.upstreams.iter().map(|(name, base)| (name.clone(), base.trim_end_matches('/').to_owned()));
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            upstreams: Arc::new(known.chain(configured).collect()),
            last_ends: LastEnds::default(),
        }
    }

    fn address(&self, provider: &str, rest: &str, query: Option<&str>) -> Result<(Uri, String), Problem> {
        let base = self.upstreams.get(provider).ok_or_else(|| {
            let known = self.upstreams.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Problem::not_found(format!("no provider is called `{provider}` here; there are {known}"))
        })?;
        let plain = format!("{base}/{rest}");
        let full = query.map_or_else(|| plain.clone(), |query| format!("{plain}?{query}"));
        let address = full.parse().map_err(|error| Problem::invalid(format!("`{plain}` is no address: {error}")))?;
        Ok((address, plain))
    }
}

/// Forwards one request.
pub(crate) async fn forward(
    State(app): State<App>,
    State(gateway): State<Gateway>,
    State(config): State<Arc<ServerConfig>>,
    Path((project, run, provider, rest)): Path<(String, String, String, String)>,
    Parts { method, uri, headers, .. }: Parts,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let project = App::project(&project)?;
    let caller = caller(&run)?;
    let (address, url) = gateway.address(&provider, &rest, uri.query())?;
    let body = body.map_err(|_| Problem::too_large(config.body_limit))?;
    let mut request = Request::builder().method(method.clone()).uri(address);
    if let Some(forwarded) = request.headers_mut() {
        *forwarded = without(&headers, &NOT_FORWARDED);
        forwarded.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    let request = request
        .body(Body::from(body.clone()))
        .map_err(|error| Problem::invalid(format!("the request cannot be forwarded: {error}")))?;
    // Listings and the like are no model calls.
    let recording = (method == Method::POST).then(|| {
        let mut call = app.begin_passing_call(caller, method.to_string(), url, body.to_vec());
        call.previous_end = gateway.last_ends.of(call.trace_id);
        Recording::begin(&app, project, call, gateway.last_ends.clone())
    });
    match gateway.client.request(request).await {
        Ok(response) => Ok(pass_on(response, recording)),
        Err(error) => {
            let why = root_cause(&error);
            if let Some(mut recording) = recording {
                recording.answer.error = Some(why.clone());
                recording.finish();
            }
            Err(Problem::unreachable(format!("the provider `{provider}` cannot be reached: {why}")))
        }
    }
}

fn caller(run: &str) -> Result<Option<(TraceId, SpanId)>, Problem> {
    if run == "-" {
        return Ok(None);
    }
    let ids = run.split_once('-').and_then(|(trace, span)| Some((trace.parse().ok()?, span.parse().ok()?)));
    ids.map(Some).ok_or_else(|| Problem::invalid(format!("`{run}` is neither `-` nor a run and its step")))
}

fn pass_on(response: hyper::Response<Incoming>, recording: Option<Recording>) -> Response {
    let (parts, incoming) = response.into_parts();
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let recording = recording.map(|mut recording| {
        recording.answer.status = Some(parts.status.as_u16());
        recording.answer.content_type = text(header::CONTENT_TYPE);
        recording.answer.retry_after = text(header::RETRY_AFTER);
        recording
    });
    let mut passed = (parts.status, Body::new(Passing { incoming, recording })).into_response();
    let own: &[HeaderName] = &[header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::TRAILER];
    *passed.headers_mut() = without(&parts.headers, own);
    passed
}

fn without(headers: &HeaderMap, left_out: &[HeaderName]) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| !left_out.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The copy of an exchange while it goes on.
struct Recording {
    app: App,
    project: ProjectId,
    call: PassingCall,
    answer: PassedAnswer,
    last_ends: LastEnds,
}

impl Recording {
    /// Records that the call began, without making it wait.
    fn begin(app: &App, project: ProjectId, call: PassingCall, last_ends: LastEnds) -> Self {
        let recording = Self { app: app.clone(), project, call, answer: PassedAnswer::default(), last_ends };
        let (app, project, call) = (app.clone(), recording.project.clone(), recording.call.clone());
        recording.app.tasks().spawn(async move { report(app.record_passing_call(&project, &call, None).await) });
        recording
    }

    fn take(&mut self, data: &Bytes) {
        if self.answer.first_chunk_at.is_none() {
            self.answer.first_chunk_at = Some(self.app.now());
        }
        let room = MAX_RECORDED.saturating_sub(self.answer.body.len());
        self.answer.body.extend_from_slice(data.get(..room).unwrap_or(data));
        self.answer.is_truncated |= data.len() > room;
    }

    fn finish(self) {
        let Self { app, project, call, answer, last_ends } = self;
        last_ends.remember(call.trace_id, app.now());
        let tasks = app.tasks().clone();
        tasks.spawn(async move { report(app.record_passing_call(&project, &call, Some(&answer)).await) });
    }
}

/// The caller has its answer; that the copy was lost is for the log.
fn report(recorded: Result<(), arc_app::AppError>) {
    if let Err(error) = recorded {
        tracing::error!("a model call that passed through was not recorded: {error}");
    }
}

/// The body of an answer on its way to the caller.
struct Passing {
    incoming: Incoming,
    /// Taken when the body ends; dropped before that, the caller stopped reading.
    recording: Option<Recording>,
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some(recording)) = (frame.data_ref(), self.recording.as_mut()) {
                    recording.take(data);
                }
                // A body of known length may not be asked again.
                if self.incoming.is_end_stream() {
                    self.end(None);
                }
            }
            Some(Err(error)) => self.end(Some(error.to_string())),
            None => self.end(None),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Passing {
    fn end(&mut self, error: Option<String>) {
        if let Some(mut recording) = self.recording.take() {
            recording.answer.is_whole = error.is_none();
            recording.answer.error = error;
            recording.finish();
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(recording) = self.recording.take() {
            recording.finish();
        }
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
