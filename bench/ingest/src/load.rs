//! Sending requests over connections of our own, and how long the answers take.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::workload::{SPANS, Workload};

/// Traces of a request: 128 spans, a quarter of what exporters send at most.
pub(crate) const TRACES: usize = 16;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).context("connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Self { stream, answer: Vec::with_capacity(4096) })
    }

    /// Sends a batch and returns the status of the answer.
    pub(crate) fn export(&mut self, body: &[u8]) -> Result<u16> {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nUser-Agent: \
             ingest-bench\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        self.answer().map(|(status, _)| status)
    }

    /// Returns the body of the answer to a GET.
    pub(crate) fn get(&mut self, path: &str) -> Result<String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        let (status, body) = self.answer()?;
        if status == 200 { Ok(body) } else { bail!("GET {path}: {status} {body}") }
    }

    fn answer(&mut self) -> Result<(u16, String)> {
        self.answer.clear();
        let mut buffer = [0; 16_000];
        loop {
            let read = self.stream.read(&mut buffer)?;
            if read == 0 {
                bail!("the connection ended before the answer");
            }
            self.answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
            let Some(end) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(self.answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let body = self.answer.get(end + 4..).unwrap_or_default();
            let is_whole = match length {
                Some(length) => body.len() >= length,
                None => body.ends_with(b"0\r\n\r\n"),
            };
            if is_whole {
                let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("a status")?;
                let body = String::from_utf8_lossy(body).into_owned();
                return Ok((status, if length.is_some() { body } else { unchunked(&body) }));
            }
        }
    }
}

fn unchunked(body: &str) -> String {
    let mut text = String::new();
    let mut rest = body;
    while let Some((length, after)) = rest.split_once("\r\n") {
        let Ok(length @ 1..) = usize::from_str_radix(length.trim(), 16) else { break };
        text.push_str(after.get(..length).unwrap_or_default());
        rest = after.get(length + 2..).unwrap_or_default();
    }
    text
}

/// What became of a load.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) traces: u64,
    pub(crate) put_off: u64,
    pub(crate) seconds: f64,
    /// How long each acknowledgement took, in milliseconds, sorted.
    pub(crate) latencies: Vec<f64>,
}

impl Sent {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub(crate) fn spans_per_second(&self) -> f64 {
        (self.traces * SPANS) as f64 / self.seconds
    }

    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or(f64::NAN)
    }
}

/// Sends for so long over so many connections, as fast as they are answered or `rate` spans a second. A request that
/// is late because the one before it was slow counts from when it was due.
pub(crate) fn send(
    address: SocketAddr,
    connections: usize,
    duration: Duration,
    rate: Option<f64>,
    seed: u64,
    pool: &Arc<Vec<u8>>,
) -> Result<Sent> {
    let begin = Instant::now();
    let senders: Vec<_> = (0..connections)
        .map(|number| {
            let pool = Arc::clone(pool);
            #[expect(clippy::cast_precision_loss, reason = "a few connections and traces")]
            let gap =
                rate.map(|rate| Duration::from_secs_f64((TRACES as u64 * SPANS * connections as u64) as f64 / rate));
            std::thread::spawn(move || {
                let workload = Workload::new(seed * 1_000 + number as u64, pool);
                let part = |gap: Duration| {
                    gap * u32::try_from(number).unwrap_or_default() / u32::try_from(connections).unwrap_or(1).max(1)
                };
                let first = gap.map(part);
                sender(address, workload, begin, duration, gap.zip(first))
            })
        })
        .collect();
    let mut all = Sent::default();
    for sender in senders {
        let sent = sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        all.traces += sent.traces;
        all.put_off += sent.put_off;
        all.latencies.extend(sent.latencies);
    }
    all.seconds = begin.elapsed().as_secs_f64();
    all.latencies.sort_by(f64::total_cmp);
    Ok(all)
}

fn sender(
    address: SocketAddr,
    mut workload: Workload,
    begin: Instant,
    duration: Duration,
    pace: Option<(Duration, Duration)>,
) -> Result<Sent> {
    let mut connection = Connection::open(address)?;
    let mut sent = Sent::default();
    let mut due = begin + pace.map_or(Duration::ZERO, |(_, first)| first);
    while begin.elapsed() < duration {
        let (request, ids) = workload.request(TRACES);
        if pace.is_some() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        } else {
            due = Instant::now();
        }
        loop {
            match connection.export(&request)? {
                200 => break,
                429 | 503 => {
                    sent.put_off += 1;
                    std::thread::sleep(Duration::from_millis(50));
                }
                status => bail!("a batch was answered with {status}"),
            }
        }
        sent.latencies.push(due.elapsed().as_secs_f64() * 1e3);
        sent.traces += ids.len() as u64;
        due += pace.map_or(Duration::ZERO, |(gap, _)| gap);
    }
    Ok(sent)
}
