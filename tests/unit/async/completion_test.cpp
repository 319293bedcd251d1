// Tests of async::result_slot, async::handler_slot and async::pool together: results and handlers of any size
// live in a call, complete once, on their executor, and leave nothing behind.
#include "support/lone_handle.hpp"

#include <umbel/async/completion.hpp>
#include <umbel/resp/decode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

using umbel::errc;
using umbel::result;
using umbel::async::handler_slot;
using umbel::async::pooled_call;
using umbel::async::result_slot;
namespace async = umbel::async;

namespace {

/// A value that fits into no call.
struct wide {
    std::array<char, 500> bytes{};
    std::shared_ptr<int> owned;
};
struct touchy {};

result<wide> read_wide(umbel::resp::view const& reply) {
    wide made;
    made.bytes[499] = reply.text().at(0);
    made.owned = std::make_shared<int>(1);
    return made;
}

}  // namespace

template <>
struct umbel::from_reply<wide> {
    static result<wide> from(resp::view const& reply) { return read_wide(reply); }
};
template <>
struct umbel::from_reply<touchy> {
    static result<touchy> from(resp::view const&) { throw std::invalid_argument{"stoll"}; }
};

namespace {

/// A handler that is built and copied, but cannot be moved.
template <std::size_t Size>
struct clinging {
    using executor_type = asio::any_io_executor;
    executor_type where;
    std::array<char, Size> more{};

    explicit clinging(executor_type executor) : where{std::move(executor)} {}
    clinging(clinging const& other) = default;
    clinging(clinging&&) { throw std::runtime_error{"its own"}; }
    executor_type get_executor() const noexcept { return where; }
    void operator()(result<std::string>) {}
};

umbel::resp::view reply_of(std::string_view text) {
    static umbel::resp::node node;
    node =
        umbel::resp::node::text(umbel::resp::type::bulk_string, 0, static_cast<std::uint32_t>(text.size()));
    return {&node, text.data()};
}

template <class Value, class Handler>
pooled_call& begin(Handler handler, asio::io_context& io) {
    async::contexts const where{{io.get_executor()}};
    pooled_call* const call = support::take_lone_call();
    result_slot<Value>::prepare(*call);
    handler_slot<Handler, Value>::put(*call, std::move(handler), &where);
    return *call;
}

}  // namespace

TEST_CASE(
    "a result is decoded into the call and handed to the handler, which runs at once where no executor is "
    "associated",
    "[completion]") {
    asio::io_context io{1};
    std::string told;
    pooled_call& call = begin<std::string>([&](result<std::string> value) { told = *value; }, io);
    call.kind->decode(call, reply_of("hello"));
    CHECK(told.empty());
    call.kind->complete(call);
    CHECK(told == "hello");
    CHECK(support::take_lone_call() == &call);
    async::pool::recycle(&call);
}

TEST_CASE("a result and a handler that fit into no call are boxed, and gone afterwards", "[completion]") {
    asio::io_context io{1};
    static_assert(result_slot<wide>::boxed);
    std::weak_ptr<int> left;
    auto const mark = std::make_shared<int>(7);
    char last = 0;
    pooled_call& call = begin<wide>(
        [&left, &last, mark, room = std::array<char, 300>{}](result<wide> value) {
            last = value->bytes[499];
            left = value->owned;
            static_cast<void>(room);
        },
        io);
    call.kind->decode(call, reply_of("x"));
    CHECK(mark.use_count() == 2);
    call.kind->complete(call);
    CHECK(last == 'x');
    CHECK(left.expired());
    CHECK(mark.use_count() == 1);
}

TEST_CASE("an exception from from_reply becomes an error: nothing is thrown out of the library",
          "[completion]") {
    asio::io_context io{1};
    errc told{};
    pooled_call& call = begin<touchy>([&](result<touchy> value) { told = value.error().code(); }, io);
    call.kind->decode(call, reply_of("x"));
    call.kind->complete(call);
    CHECK((told == errc::unexpected_type));
}

TEST_CASE("a call that is dropped destroys handler and result and calls nobody", "[completion]") {
    asio::io_context io{1};
    auto const mark = std::make_shared<int>(7);
    bool called = false;
    pooled_call& early = begin<std::string>([&called, mark](result<std::string>) { called = true; }, io);
    early.kind->drop(early);
    pooled_call& settled = begin<wide>([&called, mark](result<wide>) { called = true; }, io);
    settled.kind->decode(settled, reply_of("x"));
    settled.kind->drop(settled);
    CHECK_FALSE(called);
    CHECK(mark.use_count() == 1);
}

TEST_CASE("a handler that throws takes its call back to the pool all the same", "[completion]") {
    asio::io_context io{1};
    auto const mark = std::make_shared<int>(7);
    pooled_call& call =
        begin<std::string>([mark](result<std::string>) { throw std::runtime_error{"its own"}; }, io);
    call.kind->decode(call, reply_of("hello"));
    CHECK_THROWS_AS(call.kind->complete(call), std::runtime_error);
    CHECK(mark.use_count() == 1);
    CHECK(support::take_lone_call() == &call);
    async::pool::recycle(&call);
}

TEST_CASE("a handler of another context is posted there, and that context is kept busy meanwhile",
          "[completion]") {
    asio::io_context client{1};
    asio::io_context other{1};
    std::string told;
    pooled_call& call = begin<std::string>(
        asio::bind_executor(other, [&](result<std::string> value) { told = *value; }), client);
    other.poll();
    CHECK_FALSE(other.stopped());
    call.kind->decode(call, reply_of("hello"));
    call.kind->complete(call);
    CHECK(told.empty());
    other.run();
    CHECK(told == "hello");
    CHECK(other.stopped());
}

TEST_CASE("a handler that cannot be moved in leaves a whole call behind, and keeps no context busy",
          "[completion]") {
    asio::io_context client{1};
    asio::io_context other{1};
    pooled_call& call = *support::take_lone_call();
    async::contexts const where{{client.get_executor()}};
    auto const refused = [&]<std::size_t Size>(clinging<Size>&& handler) {
        CHECK_THROWS_AS((handler_slot<clinging<Size>, std::string>::put(call, std::move(handler), &where)),
                        std::runtime_error);
        CHECK(async::work_guard_kind{call.work} == umbel::async::work_guard_kind::none);
        other.restart();
        other.poll();
        CHECK(other.stopped());
    };
    refused(clinging<8>{other.get_executor()});
    refused(clinging<1000>{other.get_executor()});  // In a box.
    async::pool::recycle(&call);
}

TEST_CASE(
    "of several loops a call takes that of its handler's context; only one that stands for itself is "
    "completed right there",
    "[completion]") {
    asio::io_context first{1};
    asio::io_context second{1};
    asio::io_context other{1};
    async::contexts const client{{first.get_executor(), second.get_executor()}};
    int called = 0;
    auto const begun = [&](auto const& executor, async::launch_kind launch) -> pooled_call& {
        pooled_call& call = *support::take_lone_call();
        auto handler = asio::bind_executor(executor, [&called](result<std::string>) { ++called; });
        call.launch = launch;
        handler_slot<decltype(handler), std::string>::put(call, std::move(handler), &client);
        call.launch = async::launch_kind::direct;
        return call;
    };
    auto const is_busy = [](asio::io_context& io) {
        io.restart();
        io.poll();
        return !io.stopped();
    };
    pooled_call& own = begun(asio::any_io_executor{second.get_executor()}, async::launch_kind::direct);
    CHECK(own.link.context == 1);
    CHECK((own.affinity == async::affinity::on_context));
    CHECK_FALSE(is_busy(second));
    // On its way to another loop it keeps its own one busy, until it is completed or dropped.
    async::leave_context(own, second);
    CHECK((own.affinity == async::affinity::elsewhere));
    CHECK(is_busy(second));
    own.kind->drop(own);
    CHECK_FALSE(is_busy(second));
    pooled_call& late = begun(second.get_executor(), async::launch_kind::direct);
    async::leave_context(late, second);
    late.kind->decode(late, reply_of("x"));
    late.kind->complete(late);
    CHECK(called == 0);
    CHECK(is_busy(second) == false);
    CHECK(called == 1);

    pooled_call& group = begun(second.get_executor(), async::launch_kind::group);
    CHECK(group.link.context == 1);
    CHECK((group.affinity == async::affinity::elsewhere));
    CHECK(is_busy(second));
    pooled_call& by_strand = begun(asio::make_strand(first), async::launch_kind::direct);
    CHECK(by_strand.link.context == 0);
    CHECK((by_strand.affinity == async::affinity::elsewhere));
    pooled_call& foreign = begun(other.get_executor(), async::launch_kind::direct);
    CHECK((foreign.affinity == async::affinity::elsewhere));
    CHECK(foreign.link.context == client.any_of(&other));
    for (pooled_call* const call : {&group, &by_strand, &foreign}) call->kind->drop(*call);
    // A call that is used again has forgotten all of it.
    pooled_call& next = *support::take_lone_call();
    CHECK(next.link.context == 0);
    CHECK((next.affinity == async::affinity::elsewhere));
    CHECK((next.work == async::work_guard_kind::none));
    async::pool::recycle(&next);
}
