// name_resolver.hpp: from the name of a host to its addresses: asked of the system each time, and remembered
// for when the system is slow to say. It knows no socket.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/try_alloc.hpp>
#include <umbel/net/descriptors.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)
#include UMBEL_ASIO_IP_HEADER(address.hpp)
#include UMBEL_ASIO_IP_HEADER(basic_resolver.hpp)
#include UMBEL_ASIO_IP_HEADER(tcp.hpp)
#include UMBEL_ASIO_HEADER(steady_timer.hpp)

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace umbel::net {

using address_list = std::vector<asio::ip::address>;

/// Asks for the addresses of one name. Threading: called by one thread at a time.
class name_resolver {
public:
    using handler = std::function<void(async::error_code problem, address_list found)>;

    virtual ~name_resolver() = default;
    /// Calls `done` once, and never inside this call.
    virtual void resolve(std::string const& host, handler done) = 0;
    /// The answer is not wanted any more: `done` may be called soon with operation_aborted.
    virtual void give_up() noexcept = 0;
};

/// The resolver of the system, by Asio: a thread of the execution context calls getaddrinfo for one name
/// after the other. Cancellation: a name whose turn has not come is passed over; getaddrinfo itself cannot be
/// stopped, and what it finds is told all the same.
class system_resolver final : public name_resolver {
public:
    explicit system_resolver(asio::any_io_executor const& executor) : resolver_{executor} {}

    void resolve(std::string const& host, handler done) override {
        resolver_.async_resolve(
            host, "0", asio::ip::tcp::resolver::numeric_service,
            [done = std::move(done)](async::error_code problem, asio::ip::tcp::resolver::results_type found) {
                address_list addresses;
                bool const kept = async::try_alloc([&] {
                    for (auto const& entry : found) addresses.push_back(entry.endpoint().address());
                });
                done(kept ? reason_beneath(problem) : async::error_code{asio::error::no_memory},
                     std::move(addresses));
            });
    }
    // Asio needs memory to cancel. Without memory the answer comes.
    void give_up() noexcept override {
        static_cast<void>(async::try_alloc([&] { resolver_.cancel(); }));
    }

private:
    asio::ip::basic_resolver<asio::ip::tcp, asio::any_io_executor> resolver_;
};

/// The addresses that names had when they were last resolved. Threading: any.
class address_book {
public:
    /// As many names as a client may know nodes; further ones are not remembered.
    static constexpr std::size_t names_max = 16384;

    /// Without memory the name is not remembered.
    void keep(std::string const& host, address_list const& addresses) noexcept {
        static_cast<void>(async::try_alloc([&] {
            std::lock_guard const guard{mutex_};
            if (known_.size() < names_max || known_.contains(host)) known_[host] = addresses;
        }));
    }
    /// Empty for a name that is not remembered.
    address_list find(std::string const& host) const {
        std::lock_guard const guard{mutex_};
        auto const found = known_.find(host);
        return found == known_.end() ? address_list{} : found->second;
    }

private:
    mutable std::mutex mutex_;
    std::map<std::string, address_list> known_;
};

/// Puts addresses into the order in which they are tried: the families take turns, beginning with that of the
/// first, so that a family that leads nowhere costs one attempt. Rule: RFC 8305, "Sorting Addresses".
inline address_list in_turns(address_list const& found) {
    address_list first, second, sorted;
    for (asio::ip::address const& address : found)
        (address.is_v6() == found.front().is_v6() ? first : second).push_back(address);
    for (std::size_t i = 0; i < first.size() || i < second.size(); ++i) {
        if (i < first.size()) sorted.push_back(first[i]);
        if (i < second.size()) sorted.push_back(second[i]);
    }
    return sorted;
}

/// One name looked up for one attempt to connect. If the system has not answered within `patience`, or says
/// that it cannot tell at present, the addresses that the name had before serve; its answer is kept for the
/// next attempt, however late it comes. So a name server that is silent does not keep a known node away.
/// Threading: start(), stop_waiting() and give_up() by one thread at a time.
class name_lookup : public std::enable_shared_from_this<name_lookup> {
public:
    name_lookup(asio::any_io_executor const& executor, std::unique_ptr<name_resolver> resolver,
                std::shared_ptr<address_book> book)
        : resolver_{std::move(resolver)}, book_{std::move(book)}, patience_{executor} {}
    name_lookup(name_lookup const&) = delete;
    name_lookup& operator=(name_lookup const&) = delete;

    /// Calls `done` once, with addresses or with a problem, unless give_up() comes first; never inside this
    /// call. Lifetime: `done` is kept until then, so what it holds may hold this look-up.
    void start(std::string const& host, std::chrono::milliseconds patience, name_resolver::handler done) {
        host_ = host;
        done_ = std::move(done);
        remembered_ = book_->find(host);
        if (!remembered_.empty()) {
            patience_.expires_after(patience);
            patience_.async_wait([self = shared_from_this()](async::error_code stopped) {
                if (stopped) return;
                // Without memory for the copy the system's answer is awaited.
                address_list known = self->remembered();
                if (!known.empty()) self->finish({}, std::move(known));
            });
        }
        resolver_->resolve(host, [self = shared_from_this()](async::error_code problem, address_list found) {
            self->answered(problem, std::move(found));
        });
    }
    /// What start() has told is being worked on.
    void stop_waiting() noexcept {
        static_cast<void>(async::try_alloc([&] { patience_.cancel(); }));
    }
    void give_up() noexcept {
        if (!told_.exchange(true, std::memory_order_acq_rel)) done_ = nullptr;
        stop_waiting();
        resolver_->give_up();
    }

private:
    void answered(async::error_code problem, address_list found) {
        if (!problem && !found.empty()) book_->keep(host_, found);
        if (problem == asio::error::host_not_found_try_again)
            if (address_list known = remembered(); !known.empty()) return finish({}, std::move(known));
        finish(problem, std::move(found));
    }
    address_list remembered() const noexcept {
        address_list copy;
        static_cast<void>(async::try_alloc([&] { copy = remembered_; }));
        return copy;
    }
    void finish(async::error_code problem, address_list addresses) {
        if (told_.exchange(true, std::memory_order_acq_rel)) return;
        name_resolver::handler const done = std::move(done_);
        done(problem, std::move(addresses));
    }

    std::unique_ptr<name_resolver> const resolver_;
    std::shared_ptr<address_book> const book_;
    asio::steady_timer patience_;
    std::string host_;
    address_list remembered_;  ///< Not changed after start(): two threads may read it.
    name_resolver::handler done_;
    std::atomic<bool> told_{false};
};

}  // namespace umbel::net
