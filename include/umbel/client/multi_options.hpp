// multi_options.hpp: what a client of several deployments may be told, and what it tells of its members:
// plain values. How it chooses among them stands in engine/member_choice.hpp.
#pragma once

#include <umbel/engine/member_choice.hpp>
#include <umbel/engine/observer.hpp>
#include <umbel/error.hpp>
#include <umbel/options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace umbel {

class client;

using engine::member_health;
using engine::switch_reason;

/// One deployment: a cluster, a stand-alone server, or whatever else umbel::options name.
struct multi_member {
    std::string name;
    umbel::options options{};
    std::uint32_t weight = 1;              ///< The heaviest that is up serves; of equals the first.
    std::shared_ptr<observer> watching{};  ///< Of its client.
};

/// What a health check tells: a value, or why the member is not well. May be called once, from any thread.
using health_answer = std::function<void(result<void>)>;
/// Finds out whether a member is well, and calls `answer` then, not later than multi_options::check_timeout
/// and check_pause together: what comes later counts as a failure, and is not heard. Lifetime: the client
/// lives as long as any copy of `answer`. Threading: called on a thread that runs one of the executors, the
/// first time on the one that makes the multi_client; one check of a member at a time. Do not block.
using health_check = std::function<void(client const& member, health_answer answer)>;

/// Options of a multi_client. Errors: a value out of range makes every command fail with errc::bad_argument,
/// whose message names it; so does what is wrong with the options of a member.
struct multi_options {
    using milliseconds = std::chrono::milliseconds;

    /// One to 16, each with a name of its own and a weight that is not 0. Deadline, read_from and the bound
    /// on arguments of the first hold for the commands of the multi_client.
    std::vector<multi_member> members{};

    /// A member is checked this often. One that is in doubt, because it has failed of late or is coming back,
    /// and one whose connections were lost, is checked again after `check_pause`.
    milliseconds check_interval{1000};
    milliseconds check_pause{200};
    /// The deadline of the PING that a check sends to every primary of the member.
    milliseconds check_timeout{1000};
    /// Takes the place of PING: for replication lag, a key that must be there, or what a proxy says. (A
    /// server that is busy with a long script answers PING with an error, or not in time: the check has
    /// failed.)
    health_check check{};

    /// A member is down after so many failures, at most 64, within the window. Failures are checks that
    /// failed, and commands that found nobody to serve them, which count once between two checks.
    std::uint32_t failures_max = 3;
    /// Errors: bad_argument where so many checks, each as long as it may be, do not fit into it: then a dead
    /// member would never be down.
    milliseconds failure_window{10'000};
    /// It is up again after so many checks in a row, and commands go to it at once where it is the best.
    std::uint32_t successes_min = 2;

    /// A heavier member takes over again from one that is up when it has been well for so long without a
    /// failure. The time doubles, up to the longest, whenever it goes down again soon after that;
    /// of zero there is nothing to double, and a member that flaps is taken again each time.
    milliseconds grace{60'000};
    milliseconds grace_max{600'000};
    /// False: it takes over again by multi_client::switch_to() only.
    bool fail_back = true;

    /// Commands that read go on by the next member also where they may have been executed.
    bool move_reads = true;
    /// So often at most a command goes on by another member.
    std::uint32_t moves_max = 2;
    /// False: while every member is down, commands wait at the latest one until their deadline. True: each
    /// fails at once.
    bool fail_at_once = false;
};

/// A member at one moment.
struct member_snapshot {
    std::string name;
    std::uint32_t weight = 1;
    member_health health = member_health::unknown;
    std::chrono::nanoseconds in_health{};  ///< For how long it has been that.
    /// Closed: it may serve. Open: it is down. Half open: it is down, and has answered its latest check.
    engine::circuit_breaker::state breaker = engine::circuit_breaker::state::closed;
    std::size_t failures = 0;          ///< Within the window.
    std::string last_failure;          ///< What its latest failed check met; empty where none has failed.
    bool active = false;               ///< Commands go there.
    bool by_hand = false;              ///< It was chosen by switch_to().
    std::chrono::nanoseconds grace{};  ///< For how long it must be well before it takes over again.
};

/// Another member serves.
struct member_switched {
    std::string from;
    std::string to;
    switch_reason why{};
    std::string cause;  ///< What the latest failed check of `from` met, where it is down.
};
/// The health of a member is another one.
struct member_changed {
    std::string name;
    member_health before{};
    member_health now{};
    std::string cause;  ///< Where it is down: what its latest failed check met.
};

/// Told of what a multi_client decides; override what is of interest. Threading: called one at a time, in
/// order, on a thread that runs one of the executors or calls switch_to(). Do not block. What is thrown is
/// lost. Lifetime: kept by the multi_client and its pending completions.
class multi_observer {
public:
    virtual ~multi_observer() = default;
    virtual void switched(member_switched const&) {}
    virtual void health_changed(member_changed const&) {}
};

}  // namespace umbel
