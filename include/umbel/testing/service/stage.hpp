// stage.hpp: where a service is tested against a whole cluster on virtual time: the real umbel::client over a
// model cluster. It knows how to make time pass; what happens to the cluster is the test's to say.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/client.hpp>
#include <umbel/client/open_site_impl.hpp>
#include <umbel/testing/model_cluster.hpp>
#include <umbel/testing/service/sim_backend.hpp>

#include UMBEL_ASIO_HEADER(async_result.hpp)
#include UMBEL_ASIO_HEADER(awaitable.hpp)
#include UMBEL_ASIO_HEADER(co_spawn.hpp)
#include UMBEL_ASIO_HEADER(dispatch.hpp)
#include UMBEL_ASIO_HEADER(io_context.hpp)
#include UMBEL_ASIO_HEADER(use_awaitable.hpp)

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::testing {

/// A sleep on virtual time, as an Asio initiation: completes with void() after a while, sooner when it is
/// cancelled.
struct begin_sleep {
    timeline* time;

    template <class Handler>
    void operator()(Handler&& handler, asio::any_io_executor const& otherwise, duration span) const {
        struct sleeper {
            timeline& time;
            asio::any_io_executor otherwise;
            std::optional<std::decay_t<Handler>> waiting{};
            void wake() {
                if (!waiting) return;
                auto woken = std::move(*waiting);
                waiting.reset();
                if (auto slot = asio::get_associated_cancellation_slot(woken); slot.is_connected())
                    slot.clear();
                asio::dispatch(asio::get_associated_executor(woken, otherwise), std::move(woken));
            }
        };
        // Only the timeline owns the sleeper. What stands in the slot must not: the handler owns the slot.
        auto const sleeping = std::make_shared<sleeper>(sleeper{*time, otherwise});
        auto slot = asio::get_associated_cancellation_slot(handler);
        sleeping->waiting.emplace(std::forward<Handler>(handler));
        if (slot.is_connected()) {
            slot.assign([seen = std::weak_ptr<sleeper>{sleeping}](asio::cancellation_type) {
                if (auto const there = seen.lock()) there->time.soon([there] { there->wake(); });
            });
        }
        time->in(span, [sleeping] { sleeping->wake(); });
    }
};

/// A model cluster, virtual time, and an executor for the service under test. The service takes an
/// umbel::client and notices no difference: the typed commands, the engine and the bytes are the real ones;
/// only sockets and clock are not. The same seed gives the same run.
///
///     stage here{{.primaries = 3, .replicas_each = 1}};
///     umbel::client db = here.client();
///     here.time().in(20ms, [&] { here.cluster().crash(0); });
///     auto const hits = here.run(visit(db, "home"));       // the service: asio::awaitable<int>
///     visit(umbel::client&, std::string)
///
/// Lifetime: must outlive its clients and what they complete. Coroutines that still wait when it ends are
/// destroyed. Threading: one thread. Services under test wait by sleep(), never by an asio timer: that one
/// waits in real time, while virtual time races ahead, and whatever depends on it is another in every run,
/// whatever the seed.
class stage {
public:
    explicit stage(cluster_shape shape = {}, std::uint64_t seed = 1, model_options servers = {},
                   network_options wires = {})
        : seed_{seed}, time_{seed}, cluster_{time_, shape, std::move(servers), wires} {}
    stage(stage const&) = delete;
    stage& operator=(stage const&) = delete;
    ~stage() {
        for (auto const& client : backends_) client->abandon();
    }

    timeline& time() noexcept { return time_; }
    model_cluster& cluster() noexcept { return cluster_; }
    asio::io_context::executor_type executor() noexcept { return io_.get_executor(); }

    /// A client of the cluster; without seeds it is given the address of the first node. The model takes any
    /// database (options::database), and all of them have the same keys.
    /// Errors: bad options make every command fail with errc::bad_argument, as they do with real servers.
    umbel::client client(umbel::options chosen = {}, cluster::policy const& policy = {},
                         std::shared_ptr<observer> watching = nullptr) {
        if (chosen.seeds.empty()) chosen.seeds = cluster_.where(0).to_string();
        result<net::settings> settled = net::settings_of(chosen, policy, std::move(watching));
        net::settings good = settled ? std::move(*settled) : net::settings{};
        if (!settled) good.engine.seeds = {cluster_.where(0)};
        good.engine.seed = seed_ * 1000 + backends_.size() * 2 + 1;
        good.pipeline.seed = good.engine.seed + 1;
        return umbel::client{made_by(good, settled ? std::nullopt : std::optional<error>{settled.error()}),
                             chosen};
    }

    /// Runs a service until it has returned, at most for a time. Returns what it returned, or nothing where
    /// it has not (for a service of nothing: whether it has). What it throws is thrown here.
    template <class Value>
    auto run(asio::awaitable<Value> service, duration at_most = 60s) {
        auto const done = std::make_shared<outcome<Value>>();
        asio::co_spawn(io_, std::move(service), [done](std::exception_ptr thrown, auto... value) {
            done->ended(std::move(thrown), std::move(value)...);
        });
        run_while_not([&] { return done->over; }, at_most);
        if (done->thrown) std::rethrow_exception(done->thrown);
        if constexpr (std::is_void_v<Value>) {
            return done->over;
        } else {
            return std::move(done->value);
        }
    }
    /// Lets time pass.
    void run_for(duration span) {
        run_while_not([] { return false; }, span);
    }
    /// Lets time pass until `done()` holds, at the latest for `at_most`. Returns whether it holds.
    template <std::predicate Done>
    bool run_while_not(Done done, duration at_most) {
        return time_.run_while_not(
            [&] {
                settle();
                return done();
            },
            at_most);
    }
    /// For services: waits on virtual time. A cancelled sleep ends sooner.
    asio::awaitable<void> sleep(duration span) {
        return asio::async_initiate<asio::use_awaitable_t<> const, void()>(
            begin_sleep{&time_}, asio::use_awaitable, asio::any_io_executor{io_.get_executor()}, span);
    }

private:
    template <class Value>
    struct outcome {
        bool over = false;
        std::exception_ptr thrown;
        std::optional<std::conditional_t<std::is_void_v<Value>, std::monostate, Value>> value;

        template <class... Values>
        void ended(std::exception_ptr why, Values... values) {
            over = true;
            thrown = std::move(why);
            if constexpr (sizeof...(Values) == 1) {
                if (!thrown) value.emplace(std::move(values)...);
            }
        }
    };

    async::new_backend made_by(net::settings const& chosen, std::optional<error> const& wrong) {
        auto const made = std::make_shared<sim_backend>(time_, cluster_.net(), io_.get_executor(), chosen);
        backends_.push_back(made);
        made->make_databases_by([this, chosen, wrong](std::uint32_t database) {
            return made_by(net::in_database(chosen, database), wrong);
        });
        return {made, wrong};
    }

    /// Lets everything run that may run now, in the order in which it came.
    void settle() {
        do {
            io_.restart();
        } while (io_.poll() != 0);
    }

    asio::io_context io_{1};  // First: what waits in it may own anything of the rest.
    std::uint64_t const seed_;
    timeline time_;
    model_cluster cluster_;
    std::vector<std::shared_ptr<sim_backend>> backends_;
};

}  // namespace umbel::testing
