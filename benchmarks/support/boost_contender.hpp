// boost_contender.hpp: Boost.Redis as its users use it: one connection, coroutines that await a request each;
// it joins them into writes by itself. To be included by exactly one translation unit of a program: it
// compiles the library's own source.
#pragma once

#include <support/traffic.hpp>

#include <boost/asio.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/redis.hpp>
#include <boost/redis/src.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <tuple>

namespace bench {

class boost_contender final : public contender {
public:
    explicit boost_contender(traffic const& what) : boost_contender{what, what.nodes()[0], {}} {}
    /// `authority`: the file of the authority that is trusted; not empty: TLS is spoken, to `where`.
    boost_contender(traffic const& what, address const& where, std::string const& authority)
        : contender{"Boost.Redis"}, traffic_{what}, connection_{io_, trusting(authority)} {
        boost::redis::config chosen;
        chosen.use_ssl = !authority.empty();
        chosen.addr.host = where.host;
        chosen.addr.port = std::to_string(where.port);
        chosen.health_check_interval = std::chrono::seconds{0};
        connection_.async_run(chosen, {boost::redis::logger::level::disabled},
                              [this](boost::system::error_code problem) {
                                  if (!over_) die(name(), problem.message());
                              });
    }
    ~boost_contender() override {
        over_ = true;
        connection_.cancel();
        io_.restart();
        io_.run_for(std::chrono::seconds{1});
    }

    void run(job const& what, measured& out) override {
        meter count{what, out};
        busy_ = what.outstanding;
        for (unsigned i = 0; i < what.outstanding; ++i) {
            if (what.kind == command_kind::get) {
                boost::asio::co_spawn(io_, read(count), boost::asio::detached);
            } else {
                boost::asio::co_spawn(io_, write(count), boost::asio::detached);
            }
        }
        io_.restart();
        io_.run();
    }

private:
    static boost::asio::ssl::context trusting(std::string const& authority) {
        boost::asio::ssl::context made{boost::asio::ssl::context::tls_client};
        if (authority.empty()) return made;
        made.load_verify_file(authority);
        made.set_verify_mode(boost::asio::ssl::verify_peer);
        return made;
    }

    using text = std::optional<std::string>;

    // The request is kept from command to command, which saves its allocations; a response is appended to,
    // and so begins anew.
    boost::asio::awaitable<void> read(meter& count) {
        boost::redis::request asked;
        while (count.take()) {
            std::int64_t const since = count.sample();
            boost::redis::response<text> got;
            asked.clear();
            asked.push("GET", traffic_.key(sequence_++));
            co_await connection_.async_exec(asked, got, boost::asio::deferred);
            auto const& value = std::get<0>(got);
            if (!value || !*value || (*value)->size() != traffic_.value().size())
                die(name(), "a value is missing or has another size");
            count.sampled(since);
            count.done();
        }
        if (--busy_ == 0) io_.stop();
    }
    boost::asio::awaitable<void> write(meter& count) {
        boost::redis::request asked;
        while (count.take()) {
            std::int64_t const since = count.sample();
            asked.clear();
            asked.push("SET", traffic_.key(sequence_++), traffic_.value());
            co_await connection_.async_exec(asked, boost::redis::ignore, boost::asio::deferred);
            count.sampled(since);
            count.done();
        }
        if (--busy_ == 0) io_.stop();
    }

    traffic const& traffic_;
    boost::asio::io_context io_{1};
    boost::redis::connection connection_;
    std::size_t sequence_ = 0;
    unsigned busy_ = 0;
    bool over_ = false;
};

}  // namespace bench
