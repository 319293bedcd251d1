// flaps.hpp: a real cluster on a private network, users of a few registers of one node, and the cable of that
// node pulled and put in again. Whether the client withstood that is for the caller to judge.
#pragma once

#include "private_network.hpp"
#include "register_users.hpp"

namespace umbel::test {

/// A cluster whose nodes' cables can be pulled, and on which nobody takes another node for dead meanwhile.
struct cables {
    real_cluster servers{{.network = true}};
    no_elections calm{servers, true};
    real_cluster::node node = servers.owner_of(700);

    /// A client that gives a connection up when its node was silent for 0.4 s and deadlines have passed
    /// meanwhile. Its kernel would go on for two seconds more (TCP_USER_TIMEOUT), and sends again some 0.2,
    /// 0.6 and 1.4 s after the cable was pulled.
    umbel::options impatient(umbel::retry_unknown chosen) const {
        umbel::options made;
        made.seeds = {seed_};
        made.retry_unknown = chosen;
        made.probe_after = std::chrono::milliseconds{400};
        made.connect_timeout = std::chrono::milliseconds{300};
        made.reconnect_delay_max = std::chrono::milliseconds{20};
        return made;
    }

    /// Few users: a node that had a reply under way when the cable was pulled would send that again, and so
    /// make the client's kernel reset what the client has only closed.
    ///
    /// Pulls the node's cable for 0.8 to 0.95 s, again and again, until `enough(sentence)` or so many times;
    /// says what the history is. What the kernel kept of a connection is sent again up to two seconds later:
    /// so long the users go on each time.
    template <class Enough>
    sentence flap(std::string const& title, umbel::retry_unknown chosen, int times, Enough enough) {
        sentence all;
        std::uint64_t disconnects = 0;
        std::int64_t longest = 0;
        int done = 0;
        while (done < times && !enough(all)) {
            session s{impatient(chosen)};
            s.warm_up();
            std::vector<std::string> keys;
            for (int i = 0; i < 2; ++i)
                keys.push_back(real_cluster::key_in(700) + ":" + title + std::to_string(done) + ":" +
                               std::to_string(i));
            register_users users{s, keys};
            REQUIRE(users.go_on(20));
            auto const pulled = steady_now();
            set_cable("down");
            std::this_thread::sleep_for(std::chrono::milliseconds{800 + 50 * (done % 4)});
            set_cable("up");
            longest = std::max(longest, steady_now() - pulled);
            REQUIRE(users.go_on(20));
            std::this_thread::sleep_for(2500ms);
            REQUIRE(users.go_on(20));
            disconnects += s.counted().disconnects;
            all.add(users.reckon(servers.talk(node)));
            ++done;
        }
        figure("%s: %d flaps of at most %.0f ms, %llu connections lost: %s", title.c_str(), done,
               static_cast<double>(longest) / 1e6, static_cast<unsigned long long>(disconnects),
               all.to_string().c_str());
        return all;
    }

private:
    /// As cluster.sh does it ("node NAME cut"), at once: a script on a busy machine takes longer than the
    /// flap.
    void set_cable(std::string const& state) const {
        REQUIRE(std::system(("ip link set umbel-" + node.name + " " + state).c_str()) == 0);
    }

    std::string const seed_ = servers.owner_of(16000).address();
};

}  // namespace umbel::test
