//! The maximum rate of the load tester itself: small responses of a trivial server, each on one
//! thread. `cargo run --release -p airshed-benches --bin tester`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::convert::Infallible;
use std::time::Duration;

use airshed::loadtest::{self, Plan, Step, Target, Weighted};
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

const REQUESTS: u64 = 400_000;

fn main() {
    let (told, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let service = service_fn(|request: http::Request<hyper::body::Incoming>| async {
                    let _ = request.into_body().collect().await;
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"P1\n1\n"))))
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    let target: Target = format!("http://{}", address.recv().unwrap()).parse().unwrap();
    println!("| at once | requests/s | tester's CPU, both threads' included, µs a request |");
    for concurrency in [1, 16, 64, 256] {
        let plan = Plan {
            mix: vec![Weighted { weight: 1, query: Default::default() }],
            steps: vec![Step {
                requests: REQUESTS / if concurrency == 1 { 10 } else { 1 },
                concurrency,
            }],
            rate: None,
            warm_up: 1000,
            pause: Duration::ZERO,
            timeout: Duration::from_secs(10),
            idle: 0,
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let stop = CancellationToken::new();
        let run = loadtest::run(target.clone(), &plan, |_| {}, &stop);
        let results = runtime.block_on(run).unwrap();
        let step = &results.steps[0];
        assert_eq!(step.error_count(), 0);
        let (rate, micros) = (step.a_second(step.success), step.tester_micros.unwrap_or_default());
        println!("| {concurrency:>7} | {rate:>10.0} | {micros:>10.1} |");
    }
}
