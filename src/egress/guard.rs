//! Which addresses may be called. Checked on the resolved address, because a name may point anywhere.

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use ipnet::IpNet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// Refuses private, local and special addresses, except in allowed networks. Resolves names for the HTTP client.
#[derive(Debug, Clone)]
pub struct Guard {
    allowed: Arc<[IpNet]>,
    resolver: GaiResolver,
}

impl Guard {
    /// A guard that lets these networks pass besides the public ones.
    pub fn new(allowed: &[IpNet]) -> Self {
        Self { allowed: allowed.into(), resolver: GaiResolver::new() }
    }

    /// Whether an address may be called.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|network| network.contains(&address)) || is_public(address)
    }
}

impl Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.resolver.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (guard, resolving) = (self.clone(), self.resolver.call(name));
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolving.await?.collect();
            let usable: Vec<SocketAddr> =
                found.into_iter().filter(|address| guard.allows(address.ip())).collect();
            if usable.is_empty() {
                let text = "the name has no address that may be called";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            Ok(usable.into_iter())
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let protocol = (first, second, third) == (192, 0, 0);
    let benchmark = first == 198 && (second == 18 || second == 19);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || first == 0
        || first >= 240
        || shared
        || protocol
        || benchmark)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only global unicast, and of it neither documentation nor the tunnels that carry an IPv4 address inside.
    (0x2000..0x4000).contains(&first)
        && !(first == 0x2001 && (second == 0x0db8 || second == 0))
        && first != 0x2002
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass_unless_their_network_is_allowed() {
        let guard = Guard::new(&[]);
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ] {
            assert!(!guard.allows(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["8.8.8.8", "140.205.94.189", "2400:3200::1"] {
            assert!(guard.allows(outside.parse().unwrap()), "{outside}");
        }
        let lenient = Guard::new(&["127.0.0.0/8".parse().unwrap()]);
        assert!(lenient.allows("127.0.0.1".parse().unwrap()));
        assert!(lenient.allows("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!lenient.allows("10.0.0.1".parse().unwrap()));
    }
}
