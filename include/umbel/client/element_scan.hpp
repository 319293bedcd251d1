// element_scan.hpp: a scan of all elements of one hash, set or sorted set, page by page: client::scan_hash()
// and its like. It knows its key, and not where that is.
#pragma once

#include <umbel/client/bare_command.hpp>
#include <umbel/client/element_scan_state.hpp>
#include <umbel/command/hashes.hpp>
#include <umbel/command/scan.hpp>
#include <umbel/command/server_admin.hpp>
#include <umbel/command/sets.hpp>
#include <umbel/command/sorted_sets.hpp>

#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace umbel {

namespace calling {

constexpr command::command_spec const& scan_command(scanned what) noexcept {
    switch (what) {
        case scanned::hash:
        case scanned::hash_fields: return command::specs::hscan;
        case scanned::set: return command::specs::sscan;
        case scanned::sorted_set: return command::specs::zscan;
    }
    return command::specs::hscan;
}

/// A call for the next page. Page and INFO are one transaction, so that one process tells both. It only
/// reads: the client sends it again by itself where a node is lost, and has it follow redirects as a whole.
inline async::pooled_call& element_page(element_scan_state const& state, value_kind const& value) {
    command::word_list words{umbel::key{state.key}, std::string_view{state.progress.cursor}};
    if (state.match) words.add("MATCH", std::string_view{*state.match});
    words.add("COUNT", state.count);
    if (state.what == scanned::hash_fields) words.add("NOVALUES");
    command::argument const sections[]{command::argument{"server"}, command::argument{"replication"}};
    using cluster::command_flags;
    encoded_command scan{scan_command(state.what), words.words(), command_flags::read_only, words.refusal()};
    encoded_command info{command::specs::info, sections, command_flags::read_only, {}};
    info.send_to_one_node();
    encoded_command* const all[]{&scan, &info};
    return state.where.code->make_transaction(state.where, std::span<encoded_command* const>{all}, false,
                                              value);
}

/// One next(): asks for pages until one has elements, or the last one has come.
template <class Element>
class element_scan_step final : public scan_turn {
public:
    using page = std::vector<Element>;

    element_scan_step(async::pooled_call& whole, std::shared_ptr<element_scan_state> const& state) noexcept
        : scan_turn{whole, state}, state_{*state} {}

private:
    friend class async::call_sequence;
    using page_reply = std::tuple<result<command::scan_page<Element>>, result<std::string>>;

    void choose() override {
        this->template send_next<element_scan_step, page_reply, &element_scan_step::on_page>(
            element_page(state_, kind_of<page_reply>));
    }
    void on_page(result<page_reply>&& told) {
        if (!told) return this->fail(std::move(told.error()));
        auto& [found, info] = *told;
        if (!found) return this->fail(std::move(found.error()));
        if (!info) return this->fail(std::move(info.error()));
        std::string process = process_of(*info);
        if (process.empty() || !is_cursor(found->cursor))
            return this->fail(error{errc::unexpected_type, delivery::executed,
                                    process.empty() ? "INFO names no run_id" : "the cursor is no number"});
        element_progress next = state_.progress;
        bool const counts = next.page(std::move(process), std::move(found->cursor));
        page& items = found->items;
        bool const told_some = counts && !items.empty();
        if (told_some)
            async::result_slot<page>::put(this->whole(), [&] { return result<page>{std::move(items)}; });
        // From here on nothing throws: what is told now has been seen.
        state_.progress = std::move(next);
        if (told_some) return this->complete();
        if (!state_.progress.done) return this->go_on();
        this->fail(error{errc::end_of_range, delivery::executed, "the scan has told all elements"});
    }

    element_scan_state& state_;  ///< The base holds it.
};

}  // namespace calling

/// A scan of all elements of one key: of a hash, of a set, of a sorted set.
///
///     auto fields = db.scan_hash("user:1", {.match = "a*"});
///     while (auto page = co_await fields.next())      // result<vector<pair<string, string>>>
///         for (auto const& [field, value] : *page) use(field, value);
///     if (!fields.done()) report(*fields.failure());  // why it stopped; next() would go on from there
///
/// **Promise.** An element that is there from the first next() until the scan has ended is seen at least
/// once, although its slot moves, its primary fails over or restarts, or the key is moved away and comes back
/// meanwhile. It may be seen more than once; an element that comes or goes meanwhile may be seen or not, and
/// one whose value changes is seen with a value that it had. "There" means: there for whoever reads the key;
/// a primary that does not know yet that it was replaced answers a scan as it answers every read.
///
/// How: a cursor stands in the order of one process, whose hash tables are seeded when it starts, so on
/// another node it skips elements. Each page is one MULTI … EXEC with INFO, which names the process. Where
/// another one answers than the one that gave the cursor, the page is dropped, and the scan begins anew with
/// the process that the key is at now: restarts() tells how often. A key that changes its process all the
/// time is never told to the end; each next() ends with its deadline, and the caller decides. Small keys,
/// which a server does not keep as hash tables, come in one page whatever the count.
///
/// Errors of next(): end_of_range when all elements have been told, for ever after; so of a key that does not
/// exist. bad_argument for options that are wrong and for a next() begun while another is under way.
/// wrong_type where the key holds something else. All others as of every command, of these no_permission for
/// a user who may not call MULTI or INFO. After each of them next() goes on where the scan stood: nothing is
/// skipped. Cancellation: as of every command. Units/shape: INFO adds some kilobytes to each page, so small
/// counts are dear. Lifetime: the scan may outlive the client, and its operations the scan. Threading: one
/// next() at a time, from any thread; the rest between them. Reads primaries, whatever client::with() says.
/// Rule: SCAN command, "Scan guarantees"; redis-server dict.c, dictScan().
template <class Element>
class element_scan {
public:
    using page = std::vector<Element>;

    /// Made by client::scan_hash(), client::scan_set() and their like. Errors: throws std::bad_alloc.
    element_scan(calling::site const& where, calling::scanned what, std::string_view name,
                 element_scan_options const& options)
        : state_{std::make_shared<calling::element_scan_state>(where, what, name, options)} {}

    /// The next page; never an empty one.
    operation<page> next() const {
        calling::site const& where = state_->where;
        async::pooled_call& call = calling::obtain<page>(where);
        calling::prepare(call, where, cluster::command_flags::none);
        auto const refuse = [&](error why) {
            state_->note(why);
            return calling::refused<page>(call, std::move(why));
        };
        if (state_->wrong) return refuse(*state_->wrong);
        if (state_->progress.done)
            return calling::refused<page>(
                call, error{errc::end_of_range, delivery::not_sent, "the scan has told all elements"});
        call.group.reset(new (std::nothrow) calling::element_scan_step<Element>{call, state_});
        if (!call.group) return refuse(error{errc::no_memory, delivery::not_sent});
        state_->note(calling::scan_turns::never_begun());
        call.launch = async::launch_kind::group;
        return operation<page>{call};
    }

    /// Where the scan stands, as text, to be gone on with in another process:
    /// element_scan_options::resume. Precondition: no next() is under way.
    std::string cursor() const { return calling::write_element_progress(state_->progress, state_->filters); }
    /// True when all elements have been told.
    bool done() const noexcept { return state_->progress.done; }
    /// What the last next() failed with; nothing before, and after the end. Precondition: no next() is under
    /// way.
    std::optional<error> failure() const { return state_->failure; }
    /// How often the scan has begun anew because another process had answered.
    unsigned restarts() const noexcept { return state_->progress.restarts; }

private:
    std::shared_ptr<calling::element_scan_state> state_;
};

}  // namespace umbel
