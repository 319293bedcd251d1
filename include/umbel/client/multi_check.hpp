// multi_check.hpp: what may be wrong with the options of a multi_client, what its errors say of its members,
// and how a member is asked whether it is well. It chooses nothing.
#pragma once

#include <umbel/client/client.hpp>
#include <umbel/client/each_client.hpp>
#include <umbel/client/multi_options.hpp>
#include <umbel/engine/settings.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::calling {

inline constexpr std::size_t members_max = 16;

/// The first thing that is wrong with the options, if any. Errors: throws std::bad_alloc.
inline std::optional<error> wrong_with(multi_options const& chosen) {
    using milliseconds = multi_options::milliseconds;
    auto const bad = [](std::string const& why) {
        return std::optional<error>{std::in_place, errc::bad_argument, delivery::not_sent,
                                    std::string_view{why}};
    };
    std::size_t const count = chosen.members.size();
    if (count == 0) return bad("multi_options.members: at least one is needed");
    if (count > members_max) return bad("multi_options.members: more than 16");
    for (std::size_t at = 0; at < count; ++at) {
        multi_member const& member = chosen.members[at];
        if (member.name.empty()) return bad("multi_options.members: one has no name");
        if (member.weight == 0)
            return bad("multi_options.members: " + member.name + ": the weight must not be 0");
        for (std::size_t before = 0; before < at; ++before)
            if (chosen.members[before].name == member.name)
                return bad("multi_options.members: two have the name " + member.name);
    }
    if (chosen.check_interval <= milliseconds{0}) return bad("multi_options.check_interval must be positive");
    if (chosen.check_pause <= milliseconds{0} || chosen.check_pause > chosen.check_interval)
        return bad("multi_options.check_pause must be positive and not above check_interval");
    if (chosen.check_timeout <= milliseconds{0}) return bad("multi_options.check_timeout must be positive");
    if (chosen.failures_max == 0 || chosen.failures_max > engine::member_choice::failures_limit)
        return bad("multi_options.failures_max must be between 1 and 64");
    if (chosen.successes_min == 0 || chosen.successes_min > 1024)
        return bad("multi_options.successes_min must be between 1 and 1024");
    if (chosen.failure_window <= milliseconds{0}) return bad("multi_options.failure_window must be positive");
    // In floating point, which does not overflow.
    using wide = std::chrono::duration<double, std::milli>;
    if (wide{chosen.failure_window} <
        (wide{chosen.check_timeout} + 2 * wide{chosen.check_pause}) * chosen.failures_max)
        return bad(
            "multi_options.failure_window is shorter than failures_max checks may take, each check_timeout "
            "and twice check_pause");
    if (chosen.grace < milliseconds{0}) return bad("multi_options.grace is negative");
    if (chosen.grace_max < chosen.grace) return bad("multi_options.grace_max is below grace");
    if (chosen.moves_max > members_max) return bad("multi_options.moves_max is above 16");
    return std::nullopt;
}

inline engine::choice_options choice_of(multi_options const& chosen) noexcept {
    engine::choice_options made;
    made.check_interval = saturated(chosen.check_interval);
    // Its own deadline ends a check first, and says more.
    made.check_timeout = engine::after(saturated(chosen.check_timeout), saturated(chosen.check_pause));
    made.check_pause = saturated(chosen.check_pause);
    made.failures_max = chosen.failures_max;
    made.failure_window = saturated(chosen.failure_window);
    made.successes_min = chosen.successes_min;
    made.grace = saturated(chosen.grace);
    made.grace_max = saturated(chosen.grace_max);
    made.fails_back = chosen.fail_back;
    return made;
}

/// True for an error that says that the member could not serve, whatever the command was.
constexpr bool tells_of_member(errc code) noexcept {
    constexpr errc all[]{errc::resolve_failed, errc::connect_failed,     errc::no_credentials,
                         errc::tls_failed,     errc::connection_lost,    errc::no_reachable_node,
                         errc::slot_uncovered, errc::too_many_redirects, errc::try_again,
                         errc::cluster_down,   errc::master_down,        errc::loading,
                         errc::read_only};
    return std::find(std::begin(all), std::end(all), code) != std::end(all);
}

/// The same error, whose message begins with this. Where memory runs out, it returns the error as it is.
inline error preceded(error const& why, std::string const& before) noexcept {
    UMBEL_TRY {
        error_details details;
        details.message.append(before).append("; ").append(why.message());
        details.node.assign(why.node());
        details.slot = why.slot();
        details.trail.assign(why.trail().begin(), why.trail().end());
        details.elements_given = why.elements_given();
        return error{why.code(), why.delivery(), std::move(details)};
    }
    UMBEL_CATCH(...) {
        return why;
    }
}

/// The usual check: every primary answers PING. One that answers that this user may not say PING is well,
/// too.
inline void ping_primaries(client const& member, std::chrono::milliseconds timeout, health_answer answer) {
    member.with(timeout).on_each_primary<each_client>().ping()(
        [answer = std::move(answer)](result<std::vector<per_node<std::string>>> const& told) {
            if (!told) return answer(fail(told.error()));
            for (per_node<std::string> const& part : *told)
                if (!part.answer && part.answer.error() != errc::no_permission)
                    return answer(fail(part.answer.error().from(part.node)));
            answer({});
        });
}

}  // namespace umbel::calling
