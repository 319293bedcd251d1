// Tests of net::result_slot, net::handler_slot and net::pool together: results and handlers of any size live
// in a call, complete once, on their executor, and leave nothing behind.
#include <umbel/net/completion.hpp>
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
using umbel::net::handler_slot;
using umbel::net::pooled_call;
using umbel::net::result_slot;
namespace net = umbel::net;

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
pooled_call& begin(Handler handler, asio::io_context& client) {
    net::loops const where{{client.get_executor()}};
    pooled_call* const one = net::pool::take();
    result_slot<Value>::prepare(*one);
    handler_slot<Handler, Value>::put(*one, std::move(handler), &where);
    return *one;
}

}  // namespace

TEST_CASE(
    "a result is decoded into the call and handed to the handler, which runs at once where no executor is "
    "associated",
    "[completion]") {
    asio::io_context io{1};
    std::string told;
    pooled_call& one = begin<std::string>([&](result<std::string> value) { told = *value; }, io);
    one.kind->decode(one, reply_of("hello"));
    CHECK(told.empty());
    one.kind->complete(one);
    CHECK(told == "hello");
    CHECK(net::pool::take() == &one);
    net::pool::give_back(&one);
}

TEST_CASE("a result and a handler that fit into no call are boxed, and gone afterwards", "[completion]") {
    asio::io_context io{1};
    static_assert(result_slot<wide>::boxed);
    std::weak_ptr<int> left;
    auto const mark = std::make_shared<int>(7);
    char last = 0;
    pooled_call& one = begin<wide>(
        [&left, &last, mark, room = std::array<char, 300>{}](result<wide> value) {
            last = value->bytes[499];
            left = value->owned;
            static_cast<void>(room);
        },
        io);
    one.kind->decode(one, reply_of("x"));
    CHECK(mark.use_count() == 2);
    one.kind->complete(one);
    CHECK(last == 'x');
    CHECK(left.expired());
    CHECK(mark.use_count() == 1);
}

TEST_CASE("an exception from from_reply becomes an error: nothing is thrown out of the library",
          "[completion]") {
    asio::io_context io{1};
    errc told{};
    pooled_call& one = begin<touchy>([&](result<touchy> value) { told = value.error().code(); }, io);
    one.kind->decode(one, reply_of("x"));
    one.kind->complete(one);
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
    pooled_call& one =
        begin<std::string>([mark](result<std::string>) { throw std::runtime_error{"its own"}; }, io);
    one.kind->decode(one, reply_of("hello"));
    CHECK_THROWS_AS(one.kind->complete(one), std::runtime_error);
    CHECK(mark.use_count() == 1);
    CHECK(net::pool::take() == &one);
    net::pool::give_back(&one);
}

TEST_CASE("a handler of another context is posted there, and that context is kept busy meanwhile",
          "[completion]") {
    asio::io_context client{1};
    asio::io_context other{1};
    std::string told;
    pooled_call& one = begin<std::string>(
        asio::bind_executor(other, [&](result<std::string> value) { told = *value; }), client);
    other.poll();
    CHECK_FALSE(other.stopped());
    one.kind->decode(one, reply_of("hello"));
    one.kind->complete(one);
    CHECK(told.empty());
    other.run();
    CHECK(told == "hello");
    CHECK(other.stopped());
}

TEST_CASE("a handler that cannot be moved in leaves a whole call behind, and keeps no context busy",
          "[completion]") {
    asio::io_context client{1};
    asio::io_context other{1};
    pooled_call& one = *net::pool::take();
    net::loops const where{{client.get_executor()}};
    auto const refused = [&]<std::size_t Size>(clinging<Size>&& handler) {
        CHECK_THROWS_AS((handler_slot<clinging<Size>, std::string>::put(one, std::move(handler), &where)),
                        std::runtime_error);
        CHECK(one.work == umbel::net::work_kept::none);
        other.restart();
        other.poll();
        CHECK(other.stopped());
    };
    refused(clinging<8>{other.get_executor()});
    refused(clinging<1000>{other.get_executor()});  // In a box.
    net::pool::give_back(&one);
}

TEST_CASE(
    "of several loops a call takes that of its handler's context; only one that stands for itself is "
    "completed right there",
    "[completion]") {
    asio::io_context first{1};
    asio::io_context second{1};
    asio::io_context other{1};
    net::loops const client{{first.get_executor(), second.get_executor()}};
    int called = 0;
    auto const begun = [&](auto const& executor, net::detour detour) -> pooled_call& {
        pooled_call& one = *net::pool::take();
        auto handler = asio::bind_executor(executor, [&called](result<std::string>) { ++called; });
        one.detour = detour;
        handler_slot<decltype(handler), std::string>::put(one, std::move(handler), &client);
        one.detour = net::detour::none;
        return one;
    };
    auto const is_busy = [](asio::io_context& io) {
        io.restart();
        io.poll();
        return !io.stopped();
    };
    pooled_call& own = begun(asio::any_io_executor{second.get_executor()}, net::detour::none);
    CHECK(own.link.loop == 1);
    CHECK((own.runs == umbel::engine::runs::on_loop));
    CHECK_FALSE(is_busy(second));
    // On its way to another loop it keeps its own one busy, until it is completed or dropped.
    net::leave_loop(own, second);
    CHECK((own.runs == umbel::engine::runs::elsewhere));
    CHECK(is_busy(second));
    own.kind->drop(own);
    CHECK_FALSE(is_busy(second));
    pooled_call& late = begun(second.get_executor(), net::detour::none);
    net::leave_loop(late, second);
    late.kind->decode(late, reply_of("x"));
    late.kind->complete(late);
    CHECK(called == 0);
    CHECK(is_busy(second) == false);
    CHECK(called == 1);

    pooled_call& group = begun(second.get_executor(), net::detour::group);
    CHECK(group.link.loop == 1);
    CHECK((group.runs == umbel::engine::runs::elsewhere));
    CHECK(is_busy(second));
    pooled_call& by_strand = begun(asio::make_strand(first), net::detour::none);
    CHECK(by_strand.link.loop == 0);
    CHECK((by_strand.runs == umbel::engine::runs::elsewhere));
    pooled_call& foreign = begun(other.get_executor(), net::detour::none);
    CHECK((foreign.runs == umbel::engine::runs::elsewhere));
    CHECK(foreign.link.loop == client.any_of(&other));
    for (pooled_call* const one : {&group, &by_strand, &foreign}) one->kind->drop(*one);
    // A call that is used again has forgotten all of it.
    pooled_call& next = *net::pool::take();
    CHECK(next.link.loop == 0);
    CHECK((next.runs == umbel::engine::runs::elsewhere));
    CHECK((next.work == net::work_kept::none));
    net::pool::give_back(&next);
}

TEST_CASE("the client's own context is recognised behind a type-erased executor; a strand is not the context",
          "[completion]") {
    asio::io_context client{1};
    asio::io_context other{1};
    asio::any_io_executor const own = client.get_executor();
    CHECK(net::runs_anywhere(own, &client));
    CHECK_FALSE(net::runs_anywhere(own, &other));
    CHECK_FALSE(net::runs_anywhere(own, nullptr));
    asio::any_io_executor const strand = asio::make_strand(client);
    CHECK_FALSE(net::runs_anywhere(strand, &client));
    CHECK(net::belongs_to(strand, &client));
    CHECK_FALSE(net::belongs_to(strand, &other));
    CHECK_FALSE(net::runs_here(strand));
    bool here = false;
    asio::post(strand, [&] { here = net::runs_here(strand) && net::runs_here(own); });
    client.run();
    CHECK(here);
}
