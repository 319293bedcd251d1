// cutter.hpp: one client behind proxies whose connection is cut at a chosen byte of one command or of its
// reply, and the book of what it was told. It knows no more of the disturbance than that it was laid.
#pragma once

#include "drill.hpp"
#include "proxied.hpp"

namespace umbel::test {

/// A command as clients send it.
inline std::string on_the_wire(std::vector<std::string> const& words) {
    std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
    for (std::string const& word : words) bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    return bytes;
}

/// A client behind proxies, quiet but for the commands of the test, and the book of what it was told.
struct cutter {
    proxied_cluster& proxies = proxied_cluster::shared();
    real_cluster& servers = real_cluster::shared();
    real_cluster::node node = servers.owner_of(700);
    std::string seed;
    session s;
    history book;
    std::uint32_t counter = 0;
    std::uint32_t list = 0;

    explicit cutter(std::string const& name, umbel::cluster::policy const& policy = {})
        : seed{proxies.address(servers.owner_of(7000))},
          s{quiet(seed), policy},
          counter{book.key(real_cluster::key_in(700) + ":" + name + ":n", history::kind::incr)},
          list{book.key(real_cluster::key_in(700) + ":" + name + ":l", history::kind::push)} {
        s.warm_up();
    }
    static umbel::options quiet(std::string const& seed) {
        umbel::options made;
        made.seeds = {seed};
        made.probe_after = std::chrono::milliseconds{0};
        made.refresh_interval = std::chrono::milliseconds{0};
        made.reconnect_delay = std::chrono::milliseconds{1};
        made.reconnect_delay_max = std::chrono::milliseconds{5};
        made.deadline = std::chrono::milliseconds{20000};
        return made;
    }

    std::vector<std::string> words(std::uint32_t key, std::size_t number) const {
        if (key == counter) return {"INCR", book.name(key)};
        return {"RPUSH", book.name(key), book.token(number)};
    }
    umbel::operation<std::int64_t> call(std::uint32_t key, std::size_t number) {
        if (key == counter) return s.db().incr(book.name(key));
        return s.db().command<std::int64_t>("RPUSH", umbel::key(book.name(key)), book.token(number));
    }
    /// Sends some commands in one write, the connection being cut at a byte of one of them; says what became
    /// of that one.
    std::string cut(std::uint32_t key, std::size_t ahead, std::size_t behind, ambush trap) {
        std::vector<std::size_t> numbers;
        std::vector<umbel::operation<std::int64_t>> calls;
        for (std::size_t i = 0; i <= ahead + behind; ++i) {
            // Only one command bears the bytes that the ambush waits for: the others go to the other key.
            std::uint32_t const to = i == ahead ? key : (key == counter ? list : counter);
            numbers.push_back(book.begin(0, to, steady_now()));
            calls.push_back(call(to, numbers.back()));
        }
        trap.command = on_the_wire(words(key, numbers[ahead]));
        proxies.lay(node, trap);
        auto const told = s.all(std::move(calls));
        for (std::size_t i = 0; i < told.size(); ++i) {
            if (told[i])
                book.acknowledge(numbers[i], *told[i], steady_now());
            else
                book.fail(numbers[i], told[i].error().delivery(), steady_now());
            if (!told[i]) CHECK(told[i].error() == errc::connection_lost);
        }
        return told[ahead] ? "acknowledged" : std::string{umbel::name_of(told[ahead].error().delivery())};
    }
    /// Bytes of the next command for this key.
    std::size_t size(std::uint32_t key) const {
        if (key == counter) return on_the_wire({"INCR", book.name(key)}).size();
        return on_the_wire(
                   {"RPUSH", book.name(key), book.name(key) + "#" + std::to_string(book.operations().size())})
            .size();
    }
    sentence reckon() {
        read_final_state(servers, book);
        return book.check();
    }
};

}  // namespace umbel::test
