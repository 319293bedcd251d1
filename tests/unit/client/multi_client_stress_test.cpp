// A multi_client under threads: several call it while others switch its members and look at them, connections
// end, and at last it is destroyed with commands under way. What runs where is counted by the servers.
#include "at_home.hpp"

#include "integration/support/contexts.hpp"

#include <umbel/client/multi_client.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using scripted::words;
using umbel::errc;

namespace {

/// What was written by each command that completed.
struct multi_tally {
    std::mutex mutex;
    std::set<std::string> acknowledged, refused, unknown;
    void note(std::string const& token, umbel::result<umbel::set_outcome> const& told) {
        std::lock_guard const guard{mutex};
        (told ? acknowledged : told.error().may_have_executed() ? unknown : refused).insert(token);
    }
};

/// A caller on one executor: the next command begins when the one before has completed. Some are cancelled.
class multi_caller {
public:
    multi_caller(umbel::multi_client& db, asio::any_io_executor executor, multi_tally& tally, int number)
        : db_{db}, executor_{std::move(executor)}, tally_{tally}, number_{number} {}
    std::future<void> begin() {
        asio::post(executor_, [this] { next(); });
        return done_.get_future();
    }
    void stop() { stopped_ = true; }

private:
    void next() {
        if (stopped_) return done_.set_value();
        std::string token = std::to_string(number_) + ":" + std::to_string(count_++);
        auto handler = [this, token](umbel::result<umbel::set_outcome> told) {
            tally_.note(token, told);
            next();
        };
        auto const key = "k" + std::to_string(number_);
        auto write = count_ % 2 == 0 ? db_.set(key, token) : db_.with(1s).set(key, token);
        if (count_ % 5 != 0) return std::move(write)(asio::bind_executor(executor_, std::move(handler)));
        signal_.emplace();
        std::move(write)(asio::bind_executor(
            executor_, asio::bind_cancellation_slot(signal_->slot(), std::move(handler))));
        if (count_ % 10 == 0)
            asio::post(executor_, [this, mine = count_] {
                if (mine == count_ && signal_) signal_->emit(asio::cancellation_type::all);
            });
    }

    umbel::multi_client& db_;
    asio::any_io_executor executor_;
    multi_tally& tally_;
    int const number_;
    int count_ = 0;
    std::optional<asio::cancellation_signal> signal_;
    std::atomic<bool> stopped_{false};
    std::promise<void> done_;
};

/// A server, and how often each token was written to it.
struct counting_server {
    std::mutex mutex;
    std::map<std::string, int> writes;
    scripted::server server{[this](words const& said) -> std::optional<scripted::answer> {
        std::lock_guard const guard{mutex};
        if (said[0] == "SET") ++writes[said[2]];
        return std::nullopt;
    }};

    std::string address() const { return server.address(); }
    std::map<std::string, int> counted() {
        std::lock_guard const guard{mutex};
        return writes;
    }
    void cut() { server.cut(); }
};

}  // namespace

TEST_CASE("several threads call while others switch the members, and nothing is lost or doubled",
          "[multi_client]") {
    counting_server east, west;
    multi_tally tally;
    {
        umbel::test::contexts contexts{2, 60s};
        umbel::multi_options chosen;
        chosen.members = {{"east", at_home::plain(east.address()), 2},
                          {"west", at_home::plain(west.address()), 1}};
        chosen.check_interval = 50ms;
        chosen.check_pause = 5ms;
        chosen.check_timeout = 500ms;
        chosen.grace = 10ms;
        std::optional<umbel::multi_client> db;
        db.emplace(std::vector<asio::any_io_executor>{contexts.executor(0), contexts.executor(1)}, chosen);
        std::vector<std::unique_ptr<multi_caller>> callers;
        std::vector<std::future<void>> ended;
        for (int i = 0; i < 8; ++i) {
            asio::any_io_executor where = contexts.executor(static_cast<std::size_t>(i % 2));
            if (i >= 6) where = asio::make_strand(asio::system_executor{});
            callers.push_back(std::make_unique<multi_caller>(*db, where, tally, i));
            ended.push_back(callers.back()->begin());
        }
        std::atomic<bool> looking{true};
        std::thread looker{[&] {
            while (looking) {
                std::size_t active = 0;
                for (umbel::member_snapshot const& each : db->members()) active += each.active;
                if (active != 1) std::abort();
                std::this_thread::yield();
            }
        }};
        for (int round = 0; round < 300; ++round) {
            static_cast<void>(db->switch_to(round % 2 == 0 ? "west" : "east"));
            if (round % 7 == 0) (round % 2 == 0 ? east : west).cut();
            if (round % 11 == 0) db->choose_by_weight();
            std::this_thread::sleep_for(3ms);
        }
        for (auto const& each : callers) each->stop();
        for (auto& each : ended) REQUIRE(each.wait_for(60s) == std::future_status::ready);
        looking = false;
        looker.join();

        // Destroyed with commands under way, which complete all the same.
        std::atomic<int> pending{0};
        for (int i = 0; i < 100; ++i) {
            ++pending;
            db->set("last", "l" + std::to_string(i))(asio::bind_executor(
                contexts.executor(static_cast<std::size_t>(i % 2)), [&](auto const&) { --pending; }));
        }
        db.reset();
        for (int i = 0; i < 6000 && pending != 0; ++i) std::this_thread::sleep_for(10ms);
        CHECK(pending == 0);
    }
    std::map<std::string, int> at_east = east.counted(), at_west = west.counted();
    std::size_t wrong = 0, both = 0;
    for (std::string const& token : tally.acknowledged) wrong += at_east[token] + at_west[token] != 1;
    for (std::string const& token : tally.refused) wrong += at_east[token] + at_west[token] != 0;
    for (std::string const& token : tally.unknown) wrong += at_east[token] + at_west[token] > 1;
    for (auto const& [token, times] : at_east) both += times != 0 && at_west[token] != 0;
    CHECK(wrong == 0);
    CHECK(both == 0);
    CHECK(tally.acknowledged.size() > 1000);
    CHECK_FALSE(at_east.empty());
    CHECK_FALSE(at_west.empty());
    WARN("acknowledged " << tally.acknowledged.size() << ", refused " << tally.refused.size() << ", unknown "
                         << tally.unknown.size());
}
