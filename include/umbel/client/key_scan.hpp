// key_scan.hpp: a scan of all keys of a cluster, or of one server, page by page: client::scan(). How it is
// carried out stands behind calling::encoding, in scan_step.hpp.
#pragma once

#include <umbel/client/make_operation.hpp>
#include <umbel/config.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel {

/// Options of client::scan(). Rule: SCAN command, "The COUNT option", "The MATCH option", "The TYPE option".
struct key_scan_options {
    std::optional<std::string_view> match{};  ///< A glob pattern of whole keys.
    std::optional<std::uint64_t> count{};  ///< How many keys a server looks at for one page; 1000 without it.
    std::optional<std::string_view> type{};  ///< "string", "hash", "list", "set", "zset", "stream" …
    std::string_view resume{};               ///< What key_scan::cursor() gave; empty: from the beginning.
    bool skip_uncovered = false;  ///< Slots that nobody serves have no keys; without it they are waited for.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(key_scan_options));

namespace calling {

struct scan_state;

/// The functions behind key_scan. Whoever makes a client fills in the table.
struct scan_code {
    /// Errors: throws std::bad_alloc.
    std::shared_ptr<scan_state> (*begin)(site const& where, key_scan_options const& options);
    async::pooled_call& (*next)(std::shared_ptr<scan_state> const& state, value_kind const& value);
    std::string (*cursor)(scan_state const& state);
    bool (*done)(scan_state const& state) noexcept;
    std::optional<error> (*failure)(scan_state const& state);
    unsigned (*rounds)(scan_state const& state) noexcept;
};

}  // namespace calling

/// A scan of all keys, of every primary of a cluster or of one server:
///
///     auto scan = db.scan({.match = "user:*", .type = "string"});
///     while (auto page = co_await scan.next())        // result<std::vector<std::string>>
///         for (std::string const& key : *page) use(key);
///     if (!scan.done()) report(*scan.failure());      // why it stopped; next() would go on from there
///
/// **Promise.** A key that exists from the first next() until the scan has ended is seen at least once,
/// although slots move, nodes fail over, restart, join and leave meanwhile. It may be seen more than once; a
/// key that comes or goes meanwhile may be seen or not. "Exists" means that it is served: a write that a
/// failover loses takes its key along.
///
/// How: node by node, until each slot is proven: scanned from beginning to end by one process that has served
/// all of it with every page, and that the primaries take for its owner at the end (scan_progress.hpp has the
/// rules). What a node has scanned of slots that moved is scanned again where they are now, in further
/// rounds.
/// **Endless resharding**: slots that move all the time are never proven, so the scan does not end by itself;
/// it waits longer between rounds, and each next() ends with its deadline. rounds() tells, and the caller
/// decides. Keys of slots that are proven are not told again.
///
/// Errors of next(): end_of_range when all keys have been told, for ever after. bad_argument for options that
/// are wrong and for a next() begun while another is under way. deadline_exceeded and cancelled, after which
/// next() goes on where the scan stood: nothing is skipped. What a node answers that cannot serve now is
/// waited out until the deadline; slot_uncovered where all other slots are proven and nobody serves these;
/// no_permission for a user who may not call SCAN, MULTI, INFO and CLUSTER NODES; protocol_error,
/// unexpected_type.
/// Cancellation: as of every command. Units/shape: each page is one MULTI … EXEC with SCAN, CLUSTER NODES and
/// INFO: some kilobytes beside the keys, so small counts are dear. Lifetime: the scan may outlive the client,
/// and its operations the scan. Threading: one next() at a time, from any thread; the rest between them.
/// Rule: SCAN command, "Scan guarantees".
class key_scan {
public:
    using page = std::vector<std::string>;

    key_scan(calling::scan_code const& code, calling::site const& where, key_scan_options const& options)
        : code_{&code}, state_{code.begin(where, options)} {}

    /// The next page; never an empty one.
    operation<page> next() const { return operation<page>{code_->next(state_, calling::kind_of<page>)}; }

    /// Where the scan stands, as text, to be gone on with in another process: key_scan_options::resume. It
    /// has the slots that are proven, and the cursors of passes with the names of their processes: where
    /// these are gone, the pass begins anew. Precondition: no next() is under way.
    std::string cursor() const { return code_->cursor(*state_); }
    /// True when all keys have been told.
    bool done() const noexcept { return code_->done(*state_); }
    /// What the last next() failed with; nothing before, and after the end. Precondition: no next() is under
    /// way.
    std::optional<error> failure() const { return code_->failure(*state_); }
    /// Rounds over the nodes that have ended and have left slots to be scanned again.
    unsigned rounds() const noexcept { return code_->rounds(*state_); }

private:
    calling::scan_code const* code_;
    std::shared_ptr<calling::scan_state> state_;
};

}  // namespace umbel
