// blocking_call.hpp: calls for commands that block, and for leases to hold: what stands behind
// calling::encoding. It sends nothing.
#pragma once

#include <umbel/client/encode_call.hpp>
#include <umbel/client/lease_state.hpp>
#include <umbel/command/block_time.hpp>

#include <chrono>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>

namespace umbel::calling {

/// How long a command that blocks may take: what its caller has said by with(), else its own time and what
/// options::lease_slack adds. Zero: for ever.
inline std::chrono::nanoseconds patience_of(site const& site, command::block_time time) noexcept {
    if (site.options.deadline_given) return site.options.deadline;
    if (time.forever()) return std::chrono::nanoseconds{0};
    return time.span() > std::chrono::nanoseconds::max() - site.lease_slack ? std::chrono::nanoseconds::max()
                                                                            : time.span() + site.lease_slack;
}

/// Behind encoding::make_blocking.
inline async::pooled_call& make_blocking(site const& site, command::command_spec const& name,
                                         std::span<command::argument const> words,
                                         cluster::command_flags flags, command::block_time time,
                                         command::refusal refusal, value_kind const& value) {
    calling::site unhedged{site};
    if (!site.options.lease) unhedged.options.hedge = {};
    async::pooled_call& call = site.code->make(unhedged, name, words, flags, refusal, value);
    if (call.launch == async::launch_kind::ready) return call;
    if (call.launch == async::launch_kind::direct) {
        call.launch = async::launch_kind::leased;
        call.leased = true;
    }
    call.form.blocks = true;
    call.reads = umbel::read_from::primary;
    call.timeout = patience_of(site, time);
    return call;
}

/// Behind encoding::make_lease.
inline async::pooled_call& make_lease(site const& site, std::string_view key, value_kind const& value) {
    async::pooled_call& call = value.obtain(*site.owner);
    prepare(call, site, cluster::command_flags::none);
    if (site.wrong) return refuse(call, value, error{*site.wrong});
    auto* const lease = new (std::nothrow) lease_state{site};
    if (!lease) return refuse(call, value, error{errc::no_memory, delivery::not_sent});
    call.lease = lease;
    call.wanted = lease;
    call.slot = site.prefix.empty() ? cluster::slot_of(key)
                                    : cluster::slot_of(std::string{site.prefix.text()}.append(key));
    call.leased = call.only_waits = true;
    call.launch = async::launch_kind::leased;
    return call;
}

}  // namespace umbel::calling
