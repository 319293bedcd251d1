// cluster/address_map.hpp: from the address that a cluster announces to the address at which this client
// reaches it, with NAT, containers or tunnels between. It knows texts only; who announces addresses, and
// when, is the engine's business.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/error.hpp>
#include <umbel/options.hpp>

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace umbel::cluster {

/// A table of addresses, and a function for what the table does not have.
class address_map {
public:
    address_map() = default;

    /// Adds one row of the table. Without a port the row holds for every port of the host, and without a port
    /// in `reached` the port stays. Errors: bad_argument.
    result<void> add(std::string_view announced, std::string_view reached) {
        auto const from = read(announced);
        if (!from) return tl::unexpected<error>{from.error()};
        auto const to = read(reached);
        if (!to) return tl::unexpected<error>{to.error()};
        rows_.insert_or_assign(*from, *to);
        return {};
    }
    /// Sets the function for addresses that no row names.
    void ask(address_function function, void* context) noexcept {
        function_ = function;
        context_ = context;
    }

    bool empty() const noexcept { return rows_.empty() && !function_; }

    /// Where to connect instead of `announced`: a row for host and port counts most, then one for the host,
    /// then what the function says. An answer of the function that is no address counts for nothing.
    endpoint operator()(endpoint announced) const {
        if (empty()) return announced;
        auto row = rows_.find(announced);
        if (row == rows_.end()) row = rows_.find(endpoint{announced.host, any_port});
        if (row != rows_.end()) return with_port(row->second, announced.port);
        if (!function_) return announced;
        auto const reached = read(function_(context_, announced.to_string()));
        return reached ? with_port(*reached, announced.port) : announced;
    }

private:
    /// No node listens there.
    static constexpr std::uint16_t any_port = 0;

    static endpoint with_port(endpoint address, std::uint16_t port) {
        if (address.port == any_port && !address.is_unix()) address.port = port;
        return address;
    }

    /// Reads an address; without a port its port is any_port.
    static result<endpoint> read(std::string_view text) {
        auto address = endpoint::parse(text, 1);
        if (address && address->port == 1 && endpoint::parse(text, 2)->port == 2) address->port = any_port;
        return address;
    }

    std::unordered_map<endpoint, endpoint> rows_;
    address_function function_ = nullptr;
    void* context_ = nullptr;
};

}  // namespace umbel::cluster
