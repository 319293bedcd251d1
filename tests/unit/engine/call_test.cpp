#include <umbel/engine/call.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::engine;

TEST_CASE("a list of calls is first in, first out", "[call]") {
    call call, two, three;
    call_list list;
    CHECK(list.empty());
    CHECK(list.pop() == nullptr);
    list.push(call);
    list.push(two);
    call_list other;
    other.push(three);
    list.splice(std::move(other));
    CHECK(other.empty());
    call_list moved{std::move(list)};
    CHECK(list.empty());
    CHECK(moved.pop() == &call);
    CHECK(call.next == nullptr);
    CHECK(moved.pop() == &two);
    moved.push(call);
    CHECK(moved.pop() == &three);
    CHECK(moved.pop() == &call);
    CHECK(moved.empty());
}

TEST_CASE("tied calls come out of a list by themselves, and the order of all is kept", "[call]") {
    call calls[5];
    calls[1].form.tied = calls[3].form.tied = 1;
    call_list all;
    for (call& each : calls) all.push(each);
    call_list tied = all.take_tied();
    for (int at : {1, 3}) CHECK(tied.pop() == &calls[at]);
    CHECK(tied.empty());
    for (int at : {0, 2, 4}) CHECK(all.pop() == &calls[at]);
    CHECK(all.empty());
}

TEST_CASE("an empty list can be spliced on either side", "[call]") {
    call call;
    call_list full;
    full.push(call);
    call_list empty;
    full.splice(std::move(empty));
    empty.splice(std::move(full));
    CHECK(full.empty());
    CHECK(empty.front() == &call);
}

TEST_CASE("the wire size counts borrowed arguments", "[call]") {
    call call;
    call.size = 30;
    CHECK(call.wire_size() == 30);
    borrowed_piece const pieces[2] = {{20, 2, "abc", 3}, {25, 2, "defgh", 5}};
    call.borrowed = pieces;
    CHECK(call.wire_size() == 38);
}

TEST_CASE("the time of a call begins with its first owner, and once", "[call]") {
    using namespace std::chrono_literals;
    call timed;
    timed.timeout = 5s;
    CHECK(timed.deadline == never);
    timed.begin(instant{2s});
    CHECK(timed.accepted == instant{2s});
    CHECK(timed.deadline == instant{7s});
    timed.begin(instant{3s});
    CHECK(timed.accepted == instant{2s});
    CHECK(timed.deadline == instant{7s});
    // Without a deadline, too, though it has never been tried.
    call endless;
    endless.deadline = instant{7s};  // Of what the call was before.
    endless.begin(instant{0});
    CHECK(endless.deadline == never);
    endless.begin(instant{4s});
    CHECK(endless.accepted == instant{0});
    call patient;
    patient.timeout = duration::max();
    patient.begin(instant{4s});
    CHECK(patient.deadline == never);
}

TEST_CASE("each link and the engine are told apart by the owner in a token", "[call]") {
    CHECK(cancel_token::of({0, link_mode::primary}) == 2);
    CHECK(cancel_token::of({0, link_mode::replica}) == 3);
    CHECK(cancel_token::of({7, link_mode::primary}) == 2 + (7 << 8));
    for (link_id const link : {link_id{16383, link_mode::replica, 63}, link_id{0, leased_link(0), 1},
                               link_id{5, leased_link(leases_limit - 1), 0}}) {
        CHECK(cancel_token::link_of(cancel_token::of(link)) == link);
    }
    call call;
    CHECK_FALSE(call.owned_by(cancel_token::engine));
    cancel_token token;
    call.token = &token;
    CHECK_FALSE(call.owned_by(cancel_token::engine));
    token.wanted = true;
    CHECK(call.cancel_wanted());
    CHECK(call.owned_by(5));
    CHECK(token.owner == 5);
    // Nobody gives up a call that is on its way.
    CHECK_FALSE(call.owned_by(cancel_token::nobody));
}

TEST_CASE("the leases of a node are modes of their own, by number", "[call]") {
    CHECK_FALSE(is_leased(link_mode::primary));
    CHECK_FALSE(is_leased(link_mode::replica));
    CHECK(leased_link(0) == link_mode::leased);
    for (unsigned number : {0u, 1u, leases_limit - 1}) {
        CHECK(is_leased(leased_link(number)));
        CHECK(lease_number(leased_link(number)) == number);
        CHECK(kind_of(leased_link(number)) == link_mode::leased);
    }
    CHECK(kind_of(link_mode::replica) == link_mode::replica);
}

TEST_CASE("what is known of delivery only grows", "[call]") {
    call call;
    for (auto const now : {delivery::not_sent, delivery::not_executed, delivery::executed, delivery::unknown})
        CHECK(call.known(now) == now);
    call.make_retry_state()->delivery = delivery::not_executed;
    CHECK(call.known(delivery::not_sent) == delivery::not_executed);
    CHECK(call.known(delivery::unknown) == delivery::unknown);
    call.retry->delivery = delivery::unknown;
    CHECK(call.known(delivery::not_sent) == delivery::unknown);
    CHECK(call.known(delivery::not_executed) == delivery::unknown);
}

TEST_CASE("an error tells slot, node, message and trail of its call", "[call]") {
    call call;
    call.slot = cluster::slot{12182};
    call.make_retry_state()->hops.push_back({"10.0.0.1:6379", errc::moved, {}});
    error const made =
        make_error(call, errc::cancelled, delivery::not_executed, "cancelled", "10.0.0.2:6379");
    CHECK(made.code() == errc::cancelled);
    CHECK(made.delivery() == delivery::not_executed);
    CHECK(made.slot() == 12182);
    CHECK(made.node() == "10.0.0.2:6379");
    CHECK(made.message() == "cancelled");
    REQUIRE(made.trail().size() == 1);
    call.slot = cluster::slot_target::several();
    CHECK(make_error(call, errc::cancelled, delivery::not_sent, "").slot() == -1);
}
