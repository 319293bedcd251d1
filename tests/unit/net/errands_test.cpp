// Tests of net::parcel and net::parcel_register: the calls of events that are under way are always somebody's.
#include <umbel/net/errands.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <optional>
#include <utility>

using umbel::engine::call;
using umbel::engine::call_list;
using umbel::engine::calls_diverted;
using umbel::engine::calls_stranded;
using umbel::net::parcel;
using umbel::net::parcel_register;

namespace {

/// A call that notes how often it is dropped.
struct noted_call : call {
    noted_call() {
        static constexpr umbel::engine::call_kind noting{.decode = [](call&, umbel::resp::view const&) noexcept {},
                                                         .reject = [](call&, umbel::error&&) noexcept {},
                                                         .complete = [](call&) {},
                                                         .drop = [](call& one) noexcept { ++static_cast<noted_call&>(one).dropped; }};
        kind = &noting;
    }
    int dropped = 0;
};

call_list only(call& one) {
    call_list all;
    all.push(one);
    return all;
}

}  // namespace

TEST_CASE("a parcel that never arrives drops its calls, wherever it has been moved to", "[errands]") {
    noted_call one;
    parcel_register entered;
    {
        parcel first{calls_diverted{only(one)}, entered};
        parcel second{std::move(first)};
        parcel const third{std::move(second)};
        CHECK(one.dropped == 0);
    }
    CHECK(one.dropped == 1);
    CHECK(entered.take_back().empty());
}

TEST_CASE("the calls of all parcels under way can be taken back, whichever have left before", "[errands]") {
    noted_call calls[4];
    parcel_register entered;
    std::optional<parcel> first{std::in_place, calls_diverted{only(calls[0])}, entered};
    std::optional<parcel> second{std::in_place, calls_stranded{only(calls[1])}, entered};
    std::optional<parcel> third{std::in_place, calls_diverted{only(calls[2])}, entered};
    parcel const last{calls_stranded{only(calls[3])}, entered};
    auto const moved = std::make_unique<parcel>(std::move(*first));
    first.reset();
    second.reset();
    CHECK(calls[1].dropped == 1);
    call_list back = entered.take_back();
    int count = 0;
    while (back.pop()) ++count;
    CHECK(count == 3);
    third.reset();
    CHECK(entered.take_back().empty());
    CHECK(calls[0].dropped + calls[2].dropped + calls[3].dropped == 0);
}

TEST_CASE("a parcel that has arrived leaves nothing to take back, and one without calls never had anything", "[errands]") {
    noted_call one;
    parcel_register entered;
    parcel sent{calls_diverted{only(one)}, entered};
    parcel const other{umbel::engine::refresh_wanted{}, entered};
    umbel::engine::event arrived = std::move(sent.what);
    CHECK(entered.take_back().empty());
    CHECK(std::get<calls_diverted>(arrived).calls.pop() == &one);
    CHECK(one.dropped == 0);
}
