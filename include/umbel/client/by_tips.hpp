// by_tips.hpp: commands without keys that concern more than one node: to which nodes they go, as the server's
// command tips say, and how a call goes to nodes of its caller's choice. It is compiled with the client,
// behind calling::encoding.
#pragma once

#include <umbel/async/fan_out.hpp>
#include <umbel/client/audience_of.hpp>
#include <umbel/client/encode_call.hpp>
#include <umbel/client/joined_replies.hpp>
#include <umbel/client/learning_call.hpp>
#include <umbel/client/split_call.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::calling {

/// Behind encoding::spread.
inline void spread_as(async::pooled_call& call, async::audience whom, value_kind const& whole,
                      async::fan_out_kind const& kind) noexcept {
    if (call.launch != async::launch_kind::direct) return;
    auto made = std::unique_ptr<async::fan_out>{new (std::nothrow) async::fan_out{call, whom, kind}};
    if (!made) return static_cast<void>(refuse(call, whole, error{errc::no_memory, delivery::not_sent}));
    call.group = std::move(made);
    call.launch = async::launch_kind::group;
}
inline void spread(async::pooled_call& call, async::audience whom, value_kind const& whole,
                   value_kind const& part,
                   void (*join)(async::pooled_call&, std::span<async::fan_out_part const>,
                                void const*)) noexcept {
    spread_as(call, whom, whole, {.obtain = part.obtain, .part = part.result, .join = join});
}

/// Behind encoding::aim. A command whose keys lie in several slots is served by a stand-alone server only,
/// which is the only node then.
inline void aim(async::pooled_call& call, engine::destination const& where,
                value_kind const& value) noexcept {
    if (call.launch != async::launch_kind::direct || call.slot.is_several()) return;
    UMBEL_TRY {
        if (!call.retry) call.retry = std::make_unique<engine::retry_state>();
        call.retry->meant_for = where;
        call.slot = cluster::slot_target::named_node();
    }
    UMBEL_CATCH(...) {
        refuse(call, value, error{errc::no_memory, delivery::not_sent});
    }
}

/// Makes the reply of the whole from the replies of several nodes.
inline void join_by_tips(async::pooled_call& whole, std::span<async::fan_out_part const> parts,
                         void const* context) {
    static std::atomic<std::size_t> turn{0};
    std::vector<result<reply> const*> told;
    told.reserve(parts.size());
    for (async::fan_out_part const& part : parts) told.push_back(&async::result_slot<reply>::get(*part.call));
    auto const& traits = *static_cast<command::command_traits const*>(context);
    result<reply> joined = join_replies(traits, told, turn.fetch_add(1, std::memory_order_relaxed));
    if (joined)
        whole.kind->decode(whole, joined->root());
    else
        whole.kind->fail(whole, std::move(joined.error()));
}

/// Sends a call without keys to all whom it concerns.
inline async::pooled_call& for_all(async::pooled_call& call, command::command_traits const* traits,
                                   value_kind const& value) noexcept {
    if (!traits || call.launch != async::launch_kind::direct || !call.slot.is_any()) return call;
    if (traits->name == "scan") {
        UMBEL_TRY { mark_undivided(call, errc::bad_argument, std::string{scan_message}); }
        UMBEL_CATCH(...) {
            refuse(call, value, error{errc::no_memory, delivery::not_sent});
        }
        return call;
    }
    if (std::optional<async::audience> const whom = audience_of(*traits))
        spread_as(call, *whom, value,
                  {.obtain = kind_of<reply>.obtain,
                   .part = kind_of<reply>.result,
                   .join = &join_by_tips,
                   .context = traits});
    return call;
}
/// The same client without hedging: what goes to several nodes has none to be asked a second time. On a lease
/// everything goes to that.
inline site without_hedge(site const& from) {
    site plain{from};
    if (plain.options.lease) return plain;
    plain.options.hedge = {};
    plain.check();
    return plain;
}

/// Behind encoding::make_for_all.
inline async::pooled_call& make_for_all(site const& site, command::command_spec const& name,
                                        std::span<command::argument const> words,
                                        cluster::command_flags flags, command::refusal refusal,
                                        value_kind const& value) {
    async::pooled_call& call = site.code->make(without_hedge(site), name, words, flags, refusal, value);
    return for_all(call, row_of(name), value);
}
/// Has a call, encoded without knowing its keys, go by the documented guess: its first argument is its only
/// key, unless the caller has marked others.
inline async::pooled_call& guess_keys(async::pooled_call& call, std::span<bool const> marked_keys,
                                      value_kind const& value) noexcept {
    if (call.launch == async::launch_kind::ready) return call;
    call.slot = cluster::slot_target::any();
    UMBEL_TRY {
        auto const words = encoded_words{{call.bytes, call.size}, call.borrowed}.read();
        std::string_view first;
        for (std::size_t at = 1; at < words.size(); ++at) {
            if (marked_keys.empty() ? at != 1 : !marked_keys[at]) continue;
            if (call.slot.is_any()) first = words[at].text();
            if (!call.slot.add(cluster::slot_of(words[at].text()))) continue;
            mark_several_slots(call, command::cross_slot_message(first, words[at].text()));
            break;
        }
    }
    UMBEL_CATCH(...) {
        refuse(call, value, error{errc::no_memory, delivery::not_sent});
    }
    return call;
}

/// A command for a whole cluster, by this row of it: another thread may learn or forget it meanwhile.
inline async::pooled_call& make_words_by(site const& site, command::command_traits const* traits,
                                         std::span<std::string_view const> words,
                                         std::span<bool const> marked_keys, value_kind const& value) {
    if (site.options.hedge > std::chrono::nanoseconds{0} && !site.options.lease) [[unlikely]] {
        if (traits && (audience_of(*traits) || traits->name == "scan" || is_split(site, traits, words)))
            return make_words_by(without_hedge(site), traits, words, marked_keys, value);
    }
    async::pooled_call& call =
        site.prefix.empty()
            ? make_words_as(site, traits, words, marked_keys, value, unlearned::reported)
            : make_words_prefixed_as(site, traits, words, marked_keys, value, unlearned::reported);
    if (call.slot.is_one()) [[likely]]
        return call;
    if (!traits && call.slot.is_several()) {
        if (learn(call, site, words, marked_keys, value)) return call;
        if (command::command_traits const* const learned = row_of(site, words)) {
            // It has been learned since, and with a row there is no second repetition.
            value.result.recycle(call);
            return make_words_by(site, learned, words, marked_keys, value);
        }
        return guess_keys(call, marked_keys, value);
    }
    if (call.slot.is_several()) return split(call, site, traits, marked_keys, words.size(), value);
    return for_all(call, traits, value);
}
/// Behind encoding::make_words_for_all.
inline async::pooled_call& make_words_for_all(site const& site, std::span<std::string_view const> words,
                                              std::span<bool const> marked_keys, value_kind const& value) {
    return make_words_by(site, row_of(site, words), words, marked_keys, value);
}

}  // namespace umbel::calling
