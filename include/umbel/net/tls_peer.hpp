// tls_peer.hpp: who a node must prove to be: the name or address at which it is reached, or the name that the
// user has given for all nodes. It knows no stream.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/net/tls_handles.hpp>

#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::net {

/// The other end of a channel, by name.
class tls_peer {
public:
    /// `server_name` stands in for the host, unless it is empty.
    tls_peer(std::string_view host, std::uint16_t port, std::string_view server_name)
        : address_{cluster::endpoint{std::string{host}, port}.to_string()},
          name_{server_name.empty() ? host : server_name} {
        bool const is_ipv6 = cluster::detail::is_ipv6(name_);
        is_address_ = is_ipv6 || cluster::detail::is_ipv4(name_);
        // A certificate names neither the interface of an address nor the root of a name.
        if (is_ipv6) name_.resize(std::min(name_.find('%'), name_.size()));
        if (!is_address_ && name_.size() > 1 && name_.back() == '.') name_.pop_back();
        // OpenSSL takes a name with a dot before it for all names below.
        name_.erase(0, std::min(name_.find_first_not_of('.'), name_.size()));
    }

    /// "host:port", where sessions of the node are kept.
    std::string const& address() const noexcept { return address_; }
    /// The name or the address that its certificate must be for.
    std::string const& expected() const noexcept { return name_; }

    /// Has the client name the node in its first message; an address is not named. False where memory has run
    /// out, or there is no such name. Rule: RFC 6066, "Server Name Indication".
    bool name(SSL& raw) const noexcept {
        // SSL_set_tlsext_host_name(), without its cast; OpenSSL copies the name.
        return is_address_ || SSL_ctrl(&raw, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                       const_cast<char*>(name_.c_str())) == 1;
    }
    /// Has the certificate held against the name. False as above.
    /// Rule: RFC 6125, "Matching DNS-ID", without wildcards inside a label. Where a certificate has
    /// no DNS-ID, OpenSSL takes the common name of its subject for one (section 6.4.4).
    bool expect(SSL& raw) const noexcept {
        if (name_.empty()) return false;
        X509_VERIFY_PARAM* const rules = SSL_get0_param(&raw);
        X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        return (is_address_ ? X509_VERIFY_PARAM_set1_ip_asc(rules, name_.c_str())
                            : X509_VERIFY_PARAM_set1_host(rules, name_.data(), name_.size())) == 1;
    }

private:
    std::string address_;
    std::string name_;
    bool is_address_;
};

}  // namespace umbel::net
