// cache_aside.hpp: values of another source kept in the database for a while, with one loader per key however
// many ask. It is not part of <umbel.hpp>, and knows no source.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/client/client.hpp>
#include <umbel/client/wait_list.hpp>

#include UMBEL_ASIO_HEADER(awaitable.hpp)
#include UMBEL_ASIO_HEADER(co_spawn.hpp)
#include UMBEL_ASIO_HEADER(detached.hpp)
#include UMBEL_ASIO_HEADER(this_coro.hpp)

#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace umbel {

/// How a cache_aside keeps values.
struct cache_aside_options {
    std::chrono::milliseconds ttl{
        60'000};                       ///< How long the database keeps a value; zero: until it is evicted.
    std::size_t loads_max = 1024;      ///< The most keys that are loaded at one time.
    std::size_t waiters_max = 65'536;  ///< The most callers that wait for loads, of all keys together.
};

namespace calling {

/// What a load has given: a value, an error, or what the loader has thrown.
template <class Value>
struct loaded {
    std::optional<result<std::optional<Value>>> value;
    std::exception_ptr thrown;
};

/// One load, and those who wait for it; null for them where there is no outcome. Threading: any.
template <class Value>
struct cache_load : wait_list<std::shared_ptr<loaded<Value> const>> {
    using outcome = std::shared_ptr<loaded<Value> const>;
    bool is_stale = false;  ///< Its value was erased meanwhile. Under the lock of the table.
};

/// The loads under way. Threading: any. Lifetime: shared by the cache and its loads.
template <class Value>
struct cache_table {
    using load = cache_load<Value>;

    cache_table(scoped_client client, cache_aside_options chosen) : db{std::move(client)}, options{chosen} {}

    /// Removes a load from the table, unless another one has taken its place.
    void remove(std::string const& key, load const* which) {
        std::lock_guard const lock{mutex};
        if (auto const at = loads.find(key); at != loads.end() && at->second.get() == which) loads.erase(at);
    }
    bool is_stale(load const& which) {
        std::lock_guard const lock{mutex};
        return which.is_stale;
    }

    scoped_client db;
    cache_aside_options options;
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<load>, std::less<>> loads;
    std::size_t waiting = 0;
};

}  // namespace calling

/// Values of a slower source, kept in the database: cache-aside, with one loader per key.
///
///     umbel::cache_aside users{db, {.ttl = 30s}};
///     auto user = co_await users.get("user:1", load_user);   // result<std::optional<std::string>>
///
/// A caller asks the database; what it has not got is loaded, once for all callers of this object that ask
/// meanwhile, given to all of them, and kept. Different processes load each for themselves.
/// `Value`: copyable; from_reply<Value> and SET know it.
/// Lifetime: shares what it needs with its loads, which go on when it is destroyed; a loader must live as
/// long. It may outlive the client, whose place in the way of a value is empty then: everything is loaded.
/// Threading: any thread may call; a load runs on the executor of the first caller.
template <class Value = std::string>
class cache_aside {
public:
    using value_type = Value;

    /// `db`: an umbel::client or what its with() and prefixed() give.
    template <class Db>
    explicit cache_aside(Db const& db, cache_aside_options chosen = {})
        : table_{std::make_shared<table>(scoped_client{db.site()}, chosen)} {}

    /// The value of a key; from the database, else from `loader(key)`: an asio::awaitable of a Value, of a
    /// std::optional of it (nullopt: the source has none; nothing is kept then), or of a result of either.
    ///
    /// A database that fails is passed over: the value is loaded, and given whether it could be kept or not.
    /// Errors: those that the loader gives, to every caller that waits for this load; what it throws is
    /// thrown to each of them. overloaded, without asking the loader, past the bounds in the options;
    /// no_memory; cancelled where the loader's executor has gone.
    /// Cancellation: the caller's alone gets cancelled; the load goes on for the others and is kept.
    template <class Loader>
    asio::awaitable<result<std::optional<Value>>> get(std::string_view key, Loader loader) const {
        return read(table_, std::string{key}, std::move(loader));
    }

    /// Deletes the value of a key, because the source has changed: who asks later gets a new one. A load that
    /// is under way serves those who wait for it and is not kept. Another process that has loaded an older
    /// value may still keep it: `ttl` bounds that. Gives whether there was a value. Errors and Cancellation:
    /// those of DEL.
    operation<std::int64_t> erase(std::string_view key) const {
        {
            std::lock_guard const lock{table_->mutex};
            if (auto const at = table_->loads.find(key); at != table_->loads.end()) {
                at->second->is_stale = true;
                table_->loads.erase(at);
            }
        }
        return table_->db.del(key);
    }

private:
    using table = calling::cache_table<Value>;
    using load = calling::cache_load<Value>;
    using outcome = typename load::outcome;
    using answer = result<std::optional<Value>>;

    template <class Loader>
    static asio::awaitable<answer> read(std::shared_ptr<table> all, std::string key, Loader loader) {
        auto kept = co_await all->db.template get<Value>(key);
        if (kept && *kept) co_return answer{std::move(*kept)};
        auto const state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none)
            co_return fail(errc::cancelled, delivery::not_sent);
        auto const executor = co_await asio::this_coro::executor;
        waiting_share const share{*all};
        std::shared_ptr<load> mine;
        UMBEL_TRY {
            if (share) mine = join(all, executor, key, loader);
        }
        UMBEL_CATCH(std::bad_alloc const&) {
            co_return fail(errc::no_memory, delivery::not_sent);
        }
        if (!mine)
            co_return fail(errc::overloaded, delivery::not_sent,
                           "cache_aside_options: loads_max or waiters_max is reached");
        outcome const told = co_await load::wait(std::move(mine));
        if (!told) co_return fail(errc::cancelled, delivery::not_sent);
        if (told->thrown) std::rethrow_exception(told->thrown);
        co_return *told->value;
    }

    /// A place among those who wait.
    class waiting_share {
    public:
        explicit waiting_share(table& all) noexcept : all_{all} {
            std::lock_guard const lock{all_.mutex};
            held_ = all_.waiting < all_.options.waiters_max;
            if (held_) ++all_.waiting;
        }
        waiting_share(waiting_share const&) = delete;
        waiting_share& operator=(waiting_share const&) = delete;
        ~waiting_share() {
            std::lock_guard const lock{all_.mutex};
            if (held_) --all_.waiting;
        }
        explicit operator bool() const noexcept { return held_; }

    private:
        table& all_;
        bool held_ = false;
    };

    /// The load of a key that is under way, or a new one; null where there are too many.
    template <class Executor, class Loader>
    static std::shared_ptr<load> join(std::shared_ptr<table> const& all, Executor const& executor,
                                      std::string const& key, Loader& loader) {
        auto const mine = std::make_shared<load>();
        // From here on the load ends whatever is thrown.
        landing beginning{all, mine, key};
        {
            std::lock_guard const lock{all->mutex};
            if (auto const at = all->loads.find(key); at != all->loads.end()) return at->second;
            if (all->loads.size() >= all->options.loads_max) return nullptr;
            all->loads.emplace(key, mine);
        }
        asio::co_spawn(executor, run(std::move(beginning), std::move(loader)), asio::detached);
        return mine;
    }

    /// Ends a load, however its coroutine ends.
    class landing {
    public:
        landing(std::shared_ptr<table> all, std::shared_ptr<load> mine, std::string key)
            : all_{std::move(all)}, mine_{std::move(mine)}, key_{std::move(key)} {}
        landing(landing&&) noexcept = default;
        landing& operator=(landing&&) = delete;
        ~landing() {
            if (!all_) return;
            all_->remove(key_, mine_.get());
            mine_->settle(nullptr);
        }
        table& all() const noexcept { return *all_; }
        load& mine() const noexcept { return *mine_; }
        std::string const& key() const noexcept { return key_; }

    private:
        std::shared_ptr<table> all_;
        std::shared_ptr<load> mine_;
        std::string key_;
    };

    template <class Loader>
    static asio::awaitable<void> run(landing to, Loader loader) {
        calling::loaded<Value> made;
        bool found = false;
        UMBEL_TRY {
            // Another load may have ended since the first caller has asked.
            auto kept = co_await to.all().db.template get<Value>(to.key());
            found = kept && *kept;
            if (found) {
                made.value.emplace(std::move(*kept));
            } else {
                auto loaded = co_await loaded_by(loader, to.key());
                made.value.emplace(std::move(loaded));
            }
        }
        UMBEL_CATCH(...) {
            made.thrown = std::current_exception();
        }
        auto const told = std::make_shared<calling::loaded<Value> const>(std::move(made));
        to.mine().settle(told);
        if (found || told->thrown || !*told->value || !**told->value || to.all().is_stale(to.mine()))
            co_return;
        Value const& value = ***told->value;
        scoped_client const& db = to.all().db;
        if (to.all().options.ttl.count() > 0)
            static_cast<void>(co_await db.set(to.key(), value, {.expire = to.all().options.ttl}));
        else
            static_cast<void>(co_await db.set(to.key(), value));
        if (to.all().is_stale(to.mine())) static_cast<void>(co_await db.del(to.key()));
    }
    template <class Loader>
    static auto loaded_by(Loader& loader, std::string const& key) {
        if constexpr (std::is_invocable_v<Loader&, std::string const&>) {
            return loader(key);
        } else {
            return loader();
        }
    }

    std::shared_ptr<table> table_;
};

template <class Db>
cache_aside(Db const&) -> cache_aside<>;
template <class Db>
cache_aside(Db const&, cache_aside_options) -> cache_aside<>;

}  // namespace umbel
