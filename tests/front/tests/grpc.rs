//! gRPC through both proxies, with tonic on both ends: unary, server streaming, streaming both ways, errors in trailers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use front::objects;
use front::stack::{PUBLIC_PORT, Stack};
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::{Channel, Server};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus as Told;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::HealthReporter;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

const APP_PORT: u16 = 3000;
const SERVICE: &str = "todoapp.test";
/// No message takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server with health and reflection behind both proxies, and a channel to the activator.
async fn world() -> Result<(Stack, HealthReporter, Channel)> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(SERVICE, ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    // Bound first: the queue-proxy is ready when the port is there.
    let listener = TcpListener::bind(("127.0.0.1", APP_PORT)).await?;
    let incoming = stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    let server = Server::builder().add_service(health).add_service(reflection);
    tokio::spawn(server.serve_with_incoming(incoming));
    let stack = Stack::start(APP_PORT, true).await?;
    let channel = Channel::from_shared(format!("http://{}:{PUBLIC_PORT}", objects::HOST))?.connect().await?;
    Ok((stack, reporter, channel))
}

fn check(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn unary_calls_and_errors() -> Result<()> {
    let (_stack, _reporter, channel) = world().await?;
    let mut client = HealthClient::new(channel);
    for _ in 0..200 {
        let answer = client.check(check(SERVICE)).await?.into_inner();
        ensure!(answer.status() == Told::Serving, "{answer:?}");
    }
    // An error is in the trailers, or in a head that is the trailers at once.
    let error = client.check(check("unknown")).await.err().context("an error")?;
    ensure!(error.code() == Code::NotFound, "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_stream_is_not_buffered() -> Result<()> {
    let (_stack, reporter, channel) = world().await?;
    let mut watch = HealthClient::new(channel).watch(check(SERVICE)).await?.into_inner();
    for turn in 0..20 {
        let (status, told) = if turn % 2 == 0 {
            (ServingStatus::NotServing, Told::Serving)
        } else {
            (ServingStatus::Serving, Told::NotServing)
        };
        // Each message is read before the server has the next one.
        let message = timeout(PATIENCE, watch.message()).await.with_context(|| format!("message {turn}"))??;
        ensure!(message.context("the stream goes on")?.status() == told, "message {turn}");
        reporter.set_service_status(SERVICE, status).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_both_ways_goes_in_turns() -> Result<()> {
    let (_stack, _reporter, channel) = world().await?;
    let (questions, mut asked) = mpsc::channel(1);
    let outgoing = stream::poll_fn(move |cx| asked.poll_recv(cx));
    let mut client = ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(outgoing).await?.into_inner();
    let ask = |symbol: &str| {
        let message_request = Some(MessageRequest::FileContainingSymbol(symbol.to_owned()));
        ServerReflectionRequest { host: String::new(), message_request }
    };
    for turn in 0..50 {
        questions.send(ask("grpc.health.v1.Health")).await?;
        let answer = timeout(PATIENCE, answers.message()).await.with_context(|| format!("answer {turn}"))??;
        let response = answer.context("the stream goes on")?.message_response;
        ensure!(matches!(response, Some(MessageResponse::FileDescriptorResponse(_))), "answer {turn}: {response:?}");
    }
    // The server ends the stream by a status: it comes in the trailers, after all these messages.
    questions.send(ask("no.such.Service")).await?;
    let status = timeout(PATIENCE, answers.message()).await.context("the end")?.err().context("a status")?;
    ensure!(status.code() == Code::NotFound, "{status:?}");
    Ok(())
}
