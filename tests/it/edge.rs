//! The public listener against clients that are slow, many, or odd. Tests end when the gateway closes, not by a clock.

use crate::support::{Gateway, Setup, exchange, now_secs, order, parse, spawn};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const MODIFIED: &str = "2026-11-11T00:00:09+08:00";

async fn impatient(name: &str) -> Gateway {
    Setup::new(name)
        .with("listen.header_timeout_ms = 300")
        .with("listen.body_timeout_ms = 300")
        .with("listen.idle_timeout_ms = 600")
        .partner("s1")
        .start()
        .await
}

/// Sends bytes and reads until the gateway closes.
async fn until_closed(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // What the gateway has not read when it closes makes the kernel say "reset".
    if let Err(error) = stream.read_to_end(&mut answer).await {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_sending_is_closed_in_every_phase() {
    let gateway = impatient("slow").await;
    for start in ["", "P", "PRI * HTTP/2.0\r\n", "POST /v1/partner/s1 HTTP/1.1\r\nHost: g\r\nX-A"] {
        until_closed(&gateway, start.as_bytes()).await;
    }
    let head = gateway.partner("s1").head(b"twenty bytes of body", now_secs(), "application/json");
    let stalled = until_closed(&gateway, format!("{head}twenty").as_bytes()).await;
    assert_eq!(parse(&stalled).status, 408, "{stalled}");
    // Served once, then idle.
    let idle = head.replace("Connection: close", "Connection: keep-alive");
    let idle = format!("{idle}twenty bytes of body");
    crate::support::eventually(
        "the answer is the sender's fault, and then it closes",
        async || {
            let status = parse(&until_closed(&gateway, idle.as_bytes()).await).status;
            assert!(status == 400 || status == 503, "{status}");
            (status == 400).then_some(())
        },
    )
    .await;
    assert_eq!(gateway.app.metrics().connections.get(), 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_are_refused_and_never_taken_for_two() {
    let gateway = impatient("odd").await;
    let body = order("1", MODIFIED).to_string();
    let head = gateway.partner("s1").head(body.as_bytes(), now_secs(), "application/json");
    let length = format!("Content-Length: {}", body.len());
    let variants = [
        head.replace("Host: gateway\r\n", ""),
        head.replace("Host: gateway", "Host: gateway\r\nHost: other"),
        head.replace(&length, &format!("{length}\r\nContent-Length: 3")),
        head.replace(&length, "Content-Length: +5"),
        head.replace(&length, "Transfer-Encoding: gzip, chunked"),
        head.replace(&length, "Transfer-Encoding : chunked"),
        head.replace("HTTP/1.1", "HTTP/3.0"),
    ];
    for variant in variants {
        let answer = exchange(gateway.address(), (variant.clone() + &body).as_bytes()).await;
        assert!((400..500).contains(&answer.status), "{variant}\n{answer:?}");
    }
    assert!(gateway.everything("orders").await.is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_places_it_says_come_back_and_not_that_the_sender_is_wrong() {
    let gateway = Setup::new("full")
        .with("listen.max_connections = 2")
        .with("listen.max_in_flight = 1")
        .partner("s1")
        .start()
        .await;
    let partner = gateway.partner("s1");
    let head = partner.head(b"twenty bytes of body", now_secs(), "application/json");
    // This one takes the only place for requests, and waits for its own body.
    let mut holder = TcpStream::connect(gateway.address()).await.unwrap();
    holder.write_all(head.as_bytes()).await.unwrap();
    let metrics = gateway.app.metrics();
    crate::support::eventually("the place is taken", async || {
        (metrics.http_in_flight.get() == 1).then_some(())
    })
    .await;
    let answer = partner.send(&order("1", MODIFIED)).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.has_header("retry-after: 1"));
    let second = TcpStream::connect(gateway.address()).await.unwrap();
    crate::support::eventually("both places are taken", async || {
        (metrics.connections.get() == 2).then_some(())
    })
    .await;
    let answer = partner.send(&order("1", MODIFIED)).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    drop((holder, second));
    crate::support::eventually("there is room again", async || {
        (partner.send(&order("1", MODIFIED)).await.status == 200).then_some(())
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_their_memory_come_back_later_whether_their_length_is_said_or_not() {
    let gateway = Setup::new("budget")
        .with("listen.body_limit_bytes = 4096")
        .with("listen.body_budget_bytes = 8192")
        .partner("s1")
        .start()
        .await;
    let partner = gateway.partner("s1");
    // Each is promised memory for its whole body before a byte of it is there.
    let mut holders = Vec::new();
    for _ in 0..2 {
        let head = partner.head(&[b' '; 4096], now_secs(), "application/json");
        let mut holder = TcpStream::connect(gateway.address()).await.unwrap();
        holder.write_all(head.as_bytes()).await.unwrap();
        holders.push(holder);
    }
    let metrics = gateway.app.metrics();
    crate::support::eventually("both are promised", async || {
        (metrics.http_in_flight.get() == 2).then_some(())
    })
    .await;
    // Of a length that is not said the most is taken for granted.
    let chunked = partner
        .head(b"{}", now_secs(), "application/json")
        .replace("Content-Length: 2", "Transfer-Encoding: chunked");
    assert!(chunked.contains("chunked"), "{chunked}");
    for answer in [
        partner.send(&order("1", MODIFIED)).await,
        exchange(gateway.address(), chunked.as_bytes()).await,
    ] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(
            answer.has_header("retry-after: 1") && answer.body.contains("bodies"),
            "{answer:?}"
        );
    }
    drop(holders);
    crate::support::eventually("there is room again", async || {
        (partner.send(&order("1", MODIFIED)).await.status == 200).then_some(())
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_spoken_in_cleartext_by_prior_knowledge() {
    let gateway = impatient("h2c").await;
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    assert_eq!(send_http2(&gateway, stream).await, 200);
    assert_eq!(gateway.everything("orders").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_offers_http2_and_http1_by_alpn() {
    let made = rcgen::generate_simple_self_signed(["gateway.test".to_owned()]).unwrap();
    let name = crate::support::unique("tls");
    let folder = std::env::temp_dir();
    let (certificate, key) =
        (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let gateway = Setup::new("tls")
        .with(&format!("listen.tls_cert = {certificate:?}"))
        .with(&format!("listen.tls_key = {key:?}"))
        .partner("s1")
        .start()
        .await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    for protocol in ["h2", "http/1.1"] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        let server = "gateway.test".try_into().unwrap();
        let mut stream =
            TlsConnector::from(Arc::new(config)).connect(server, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        if protocol == "h2" {
            assert_eq!(send_http2(&gateway, stream).await, 200);
        } else {
            let body = order("1", MODIFIED).to_string();
            let head = gateway.partner("s1").head(body.as_bytes(), now_secs(), "application/json");
            stream.write_all((head + &body).as_bytes()).await.unwrap();
            let mut answer = vec![0; 15];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, b"HTTP/1.1 200 OK");
        }
    }
    std::fs::remove_file(certificate).unwrap();
    std::fs::remove_file(key).unwrap();
    gateway.stop().await;
}

/// One signed order over HTTP/2; its status.
async fn send_http2<I>(gateway: &Gateway, stream: I) -> u16
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let serving = spawn(connection);
    let body = order("1", MODIFIED).to_string();
    let (id, now) = (crate::support::unique("msg"), now_secs());
    let signature = gateway.partner("s1").sign(&id, now, body.as_bytes());
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://gateway.test/v1/partner/s1")
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", now.to_string())
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    drop(sender);
    serving.abort();
    status
}

#[tokio::test]
async fn metrics_ask_for_the_token_where_one_is_configured() {
    let gateway = Setup::new("token").with("admin.token = \"dev:let-me-see\"").start().await;
    let ask = async |path: &str, header: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n{header}\r\n");
        exchange(gateway.app.admin(), request.as_bytes()).await
    };
    for header in ["", "Authorization: Bearer let-me-se\r\n", "Authorization: Basic let-me-see\r\n"]
    {
        let answer = ask("/metrics", header).await;
        assert_eq!(answer.status, 401, "{header:?} {answer:?}");
        assert!(!answer.body.contains("gateway_"), "{answer:?}");
    }
    let answer = ask("/metrics", "Authorization: Bearer let-me-see\r\n").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("gateway_"), "{answer:?}");
    assert_eq!(ask("/livez", "").await.status, 200, "who only asks whether it lives needs none");
    gateway.stop().await;
}
