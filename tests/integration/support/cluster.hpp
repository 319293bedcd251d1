// cluster.hpp: a real cluster (or one stand-alone server) for tests: started and stopped by
// support/cluster.sh, disturbed on demand, questioned over plain sockets. It knows nothing of umbel but how a
// key's slot is computed.
#pragma once

#include "wire.hpp"

#include <umbel/cluster/slot.hpp>

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace umbel::test {

using namespace std::chrono_literals;

/// Asks again and again until `condition()` holds; false when it did not within `patience`.
template <class Condition>
bool eventually(Condition condition, std::chrono::seconds patience = 40s) {
    auto const end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

/// The server to test against: UMBEL_SERVER, redis-server where that is not set.
inline std::string server_program() {
    char const* const named = std::getenv("UMBEL_SERVER");
    return named && *named ? named : "redis-server";
}

struct cluster_shape {
    int primaries = 3;
    int replicas = 1;
    bool standalone = false;
    bool group = false;  ///< A primary, n1, and its replicas, without cluster mode.
    int sentinels = 0;   ///< Of a group, behind its servers; it is called "mymaster".
    std::string sentinel_password = {};
    bool network = false;  ///< Each node in a network namespace of its own: see private_network.hpp.
    std::string password = {};
    std::vector<std::string> conf = {};
    std::string server = server_program();
    std::string tls =
        {};  ///< A folder of certificates: TLS only, see cluster.sh. Such a cluster is not talked to by wire.
};

class real_cluster {
public:
    struct node {
        std::string name;
        std::string host;
        std::uint16_t port = 0;
        int pid = 0;
        std::string role;  ///< At the start.
        std::string id;

        std::string address() const { return host + ":" + std::to_string(port); }
    };

    explicit real_cluster(cluster_shape const& options = {})
        : password_{options.password},
          sentinel_password_{options.sentinel_password},
          replicas_{options.replicas},
          network_{options.network} {
        std::string folder = (std::filesystem::temp_directory_path() / "umbel-integration.XXXXXX").string();
        if (!::mkdtemp(folder.data())) throw std::runtime_error{"cluster: no temporary folder"};
        folder_ = folder;
        std::string words = "start --timeout 60 --watch " + std::to_string(::getpid()) + " --server " +
                            quoted(options.server) + " --primaries " + std::to_string(options.primaries) +
                            " --replicas " + std::to_string(options.replicas);
        if (options.standalone) words += " --standalone";
        if (options.group) words += " --group --sentinels " + std::to_string(options.sentinels);
        if (!sentinel_password_.empty()) words += " --sentinel-password " + quoted(sentinel_password_);
        if (options.network) words += " --network";
        if (!password_.empty()) words += " --password " + quoted(password_);
        if (!options.tls.empty()) words += " --tls " + quoted(options.tls);
        for (std::string const& line : options.conf) words += " --conf " + quoted(line);
        try {
            run(words);
            read_nodes();
        } catch (...) {
            stop();
            throw;
        }
    }
    real_cluster(real_cluster const&) = delete;
    ~real_cluster() { stop(); }

    /// The cluster that the undisturbing tests of one program run share.
    static real_cluster& shared() {
        static real_cluster one;
        return one;
    }

    std::vector<node> const& nodes() const noexcept { return nodes_; }
    node const& at(std::string const& name) const {
        for (node const& member : nodes_)
            if (member.name == name) return member;
        throw std::runtime_error{"cluster: no node named " + name};
    }
    node const& by_port(long long port) const {
        for (node const& member : nodes_) {
            auto const announced = announced_.find(member.name);
            if (member.port == port || (announced != announced_.end() && announced->second == port))
                return member;
        }
        throw std::runtime_error{"cluster: no node at port " + std::to_string(port)};
    }
    std::string address(std::string const& name) const { return at(name).address(); }
    /// "host:port" of a node as the topology tells it: of its proxy, where another test has announced that.
    std::string told_address(node const& member) const {
        auto const announced = announced_.find(member.name);
        return member.host + ":" +
               std::to_string(announced == announced_.end() ? member.port : announced->second);
    }

    /// A conversation with one node.
    wire talk(node const& member) const {
        wire made{member.port, member.host};
        std::string const& password = member.role == "sentinel" ? sentinel_password_ : password_;
        if (!password.empty()) made.must({"AUTH", password});
        return made;
    }
    wire talk(std::string const& name) const { return talk(at(name)); }

    // ---- Disturbances ---------------------------------------------------------------------------

    // A name is that of a node, or "all".

    void kill(std::string const& name) {
        rest();
        change("kill9 " + name);
        dead_.insert(name);
    }
    void freeze(std::string const& name) {
        rest();
        change("freeze " + name);
        frozen_.insert(name);
    }
    void thaw(std::string const& name) {
        change("thaw " + name);
        frozen_.erase(name);
    }
    void restart(std::string const& name) {
        change("restart " + name);
        dead_.erase(name);
    }
    void restart_elsewhere(std::string const& name) {
        change("restart " + name + " --new-port");
        dead_.erase(name);
    }
    /// Starts a node again, empty, as another server: what an upgrade does.
    void restart_as(std::string const& name, std::string const& program) {
        change("restart " + name + " --server " + quoted(program));
        dead_.erase(name);
    }
    /// Takes a node off the network, or only lets us hear nothing of it; nobody is told of either. For
    /// clusters with networks of their own.
    void cut(std::string const& name) {
        rest();
        change("cut " + name);
        cut_.insert(name);
    }
    void mute(std::string const& name) {
        change("mute " + name);
        cut_.insert(name);
    }
    void rejoin(std::string const& name) {
        change("rejoin " + name);
        cut_.erase(name);
    }
    /// Has the command line tool ask a node, and returns what it prints.
    std::string cli(std::string const& name, std::vector<std::string> const& command) const {
        std::string words = "cli " + name;
        for (std::string const& word : command) words += " " + quoted(word);
        return run(words);
    }
    /// Waits until every living node sees a whole cluster.
    void wait() { run("wait --timeout 60"); }
    /// Undoes what a test that failed half-way has left behind, and waits until the cluster is whole.
    void heal() {
        for (std::string const& name : std::set<std::string>{cut_}) rejoin(name);
        for (std::string const& name : std::set<std::string>{frozen_}) thaw(name);
        for (std::string const& name : std::set<std::string>{dead_}) restart(name);
        wait();
        if (!eventually([&] { return is_whole(); }))
            throw std::runtime_error{"cluster: the nodes do not agree"};
    }
    /// Lets a node tell the topology another port than its own, 0 for its own again.
    void announce(node const& member, std::uint16_t port) {
        talk(member).must({"CONFIG", "SET", "cluster-announce-port", std::to_string(port)});
        announced_[member.name] = port == 0 ? member.port : port;
    }
    /// Waits until every node has heard which ports the others announce.
    void await_announced() const {
        std::set<long long> expected;
        for (auto const& [name, port] : announced_) expected.insert(port);
        bool const heard = eventually([&] {
            for (node const& asked : nodes_) {
                std::set<long long> told;
                for (wire_value const& range : talk(asked).must({"CLUSTER", "SLOTS"}).items)
                    for (std::size_t i = 2; i < range.items.size(); ++i)
                        told.insert(range.items[i].items[1].number());
                if (told != expected) return false;
            }
            return true;
        });
        if (!heard) throw std::runtime_error{"cluster: the announced ports are not heard of"};
    }
    /// Hands a shard over to one of its replicas in good order. The servers give up now and then on a busy
    /// machine: they are asked again.
    void fail_over_to(node const& replica) const {
        rest();
        for (int attempt = 0; attempt < 6; ++attempt) {
            talk(replica).ask({"CLUSTER", "FAILOVER"});
            if (!eventually([&] { return role_of(replica) == "primary"; }, 8s)) continue;
            elected_at_ = std::chrono::steady_clock::now();
            return;
        }
        throw std::runtime_error{"cluster: " + replica.name + " does not take over"};
    }

    /// Waits until the votes of the latest election are forgotten, which is after four node timeouts: Redis 7
    /// counts them again when the same node stands sooner, and the winner by old votes is deposed at once or
    /// nobody wins.
    void rest() const { std::this_thread::sleep_until(elected_at_ + 9s); }

    // ---- Facts ----------------------------------------------------------------------------------

    /// The node that owns a slot now and those that replicate it, as `asked` sees it; none when nobody does,
    /// as in the midst of a failover.
    std::vector<node> shard_of(std::uint16_t slot, std::string const& asked) const {
        for (wire_value const& range : talk(asked).must({"CLUSTER", "SLOTS"}).items) {
            if (slot < range.items[0].number() || slot > range.items[1].number()) continue;
            std::vector<node> found;
            for (std::size_t i = 2; i < range.items.size(); ++i)
                found.push_back(by_port(range.items[i].items[1].number()));
            return found;
        }
        return {};
    }
    node owner_of(std::uint16_t slot, std::string const& asked = "n1") const {
        for (node const& found : shard_of(slot, asked)) return found;
        throw std::runtime_error{"cluster: nobody owns slot " + std::to_string(slot)};
    }
    bool owns(node const& record, std::uint16_t slot, std::string const& asked) const {
        for (node const& found : shard_of(slot, asked)) return found.port == record.port;
        return false;
    }

    /// True when all nodes agree who owns which slots, and know all replicas.
    bool is_whole() const {
        std::set<std::string> views;
        for (node const& member : nodes_) {
            std::set<std::string> owners;
            for (wire_value const& range : talk(member).must({"CLUSTER", "SLOTS"}).items) {
                if (range.items.size() != 3 + static_cast<std::size_t>(replicas_)) return false;
                owners.insert(range.items[0].text + "-" + range.items[1].text + " " +
                              range.items[2].items[1].text);
            }
            std::string view;
            for (std::string const& owner : owners) view += owner + "\n";
            views.insert(view);
        }
        return views.size() == 1;
    }

    /// "primary" or "replica", as the node sees itself now.
    std::string role_of(node const& member) const {
        return talk(member).must({"ROLE"}).items[0].text == "slave" ? "replica" : "primary";
    }
    std::vector<node> now(std::string const& role) const {
        std::vector<node> found;
        for (node const& member : nodes_)
            if (role_of(member) == role) found.push_back(member);
        return found;
    }

    /// Calls of every command on one node since forget_counts(), without those that counting and replication
    /// need.
    std::map<std::string, long long> counts(node const& member) const {
        std::map<std::string, long long> found;
        read_statistics(member, "commandstats", "cmdstat_", "calls=", found);
        for (char const* own :
             {"info", "config|resetstat", "config|set", "replconf", "psync", "auth", "role"})
            found.erase(own);
        return found;
    }
    /// Calls of one command on some nodes.
    long long count(std::vector<node> const& which, std::string const& command) const {
        long long sum = 0;
        for (node const& member : which) {
            auto const all = counts(member);
            if (auto const found = all.find(command); found != all.end()) sum += found->second;
        }
        return sum;
    }
    /// Error replies of one kind ("MOVED") on all nodes.
    long long errors(std::string const& kind) const {
        long long sum = 0;
        for (node const& member : nodes_) {
            std::map<std::string, long long> found;
            read_statistics(member, "errorstats", "errorstat_", "count=", found);
            sum += found[kind];
        }
        return sum;
    }
    void forget_counts() const {
        for (node const& member : nodes_) talk(member).must({"CONFIG", "RESETSTAT"});
    }

    /// Waits until every replica has all that its primary has written so far.
    void settle_replication() const {
        for (wire_value const& range : talk("n1").must({"CLUSTER", "SLOTS"}).items) {
            wire primary = talk(by_port(range.items[2].items[1].number()));
            primary.must(
                {"SET", key_in(static_cast<std::uint16_t>(range.items[0].number())) + ":settled", "1"});
            if (primary.must({"WAIT", "1", "20000"}).number() < 1)
                throw std::runtime_error{"cluster: a replica does not follow"};
        }
    }

    /// A hash tag in braces that lies in `slot`.
    static std::string key_in(std::uint16_t slot) {
        static std::vector<std::string> const tags = [] {
            std::vector<std::string> made(umbel::cluster::slot_count);
            std::size_t left = made.size();
            for (unsigned number = 0; left != 0; ++number) {
                std::string tag = "{" + std::to_string(number) + "}";
                std::string& place = made[umbel::cluster::slot_of(tag).value()];
                if (!place.empty()) continue;
                place = std::move(tag);
                --left;
            }
            return made;
        }();
        return tags[slot];
    }

    // ---- Resharding -----------------------------------------------------------------------------

    /// Marks a slot as on its way; no key moves yet.
    void begin_migration(std::uint16_t slot, node const& from, node const& to) const {
        talk(to).must({"CLUSTER", "SETSLOT", std::to_string(slot), "IMPORTING", from.id});
        talk(from).must({"CLUSTER", "SETSLOT", std::to_string(slot), "MIGRATING", to.id});
    }
    void migrate_key(std::string const& key, node const& from, node const& to) const {
        talk(from).must({"MIGRATE", to.host, std::to_string(to.port), key, "0", "10000"});
    }
    /// Moves what is left in the slot, one key at a time.
    void migrate_rest(std::uint16_t slot, node const& from, node const& to) const {
        wire told = talk(from);
        for (;;) {
            wire_value const keys = told.must({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "16"});
            if (keys.items.empty()) return;
            for (wire_value const& key : keys.items) migrate_key(key.text, from, to);
        }
    }
    /// Tells both ends, and waits until every node has heard who owns the slot now, and under which config
    /// epoch: a node that gets a slot under an epoch of which it has not heard claims it in vain.
    void end_migration(std::uint16_t slot, node const& from, node const& to) const {
        std::string const number = std::to_string(slot);
        talk(to).must({"CLUSTER", "SETSLOT", number, "NODE", to.id});
        talk(from).must({"CLUSTER", "SETSLOT", number, "NODE", to.id});
        for (node const& member : nodes_) {
            if (!eventually(
                    [&] { return owns(to, slot, member.name) && epoch_of(to, member) == epoch_of(to, to); }))
                throw std::runtime_error{"cluster: " + member.name + " has not heard of the new owner"};
        }
    }
    /// The config epoch of a node, as another one knows it.
    std::string epoch_of(node const& of, node const& asked) const {
        std::istringstream lines{talk(asked).must({"CLUSTER", "NODES"}).text};
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words{line};
            std::vector<std::string> const read{std::istream_iterator<std::string>{words}, {}};
            if (read.size() > 6 && read[0] == of.id) return read[6];
        }
        return "unknown to " + asked.name;
    }
    void move_slot(std::uint16_t slot, node const& from, node const& to) const {
        begin_migration(slot, from, to);
        migrate_rest(slot, from, to);
        end_migration(slot, from, to);
    }

private:
    static std::string quoted(std::string const& word) {
        std::string made = "'";
        for (char const byte : word) byte == '\'' ? made += "'\\''" : made += byte;
        return made + "'";
    }
    std::filesystem::path dir() const { return folder_ / "cluster"; }
    std::string run(std::string const& words) const {
        std::string const output = (folder_ / "output").string();
        std::size_t const verb = std::min(words.find(' '), words.size());
        std::string const line = "bash " + quoted(UMBEL_CLUSTER_SCRIPT) + " " + words.substr(0, verb) +
                                 " --dir " + quoted(dir().string()) + words.substr(verb) + " > " +
                                 quoted(output) + " 2>&1";
        bool const good = std::system(line.c_str()) == 0;
        std::ostringstream told;
        told << std::ifstream{output}.rdbuf();
        if (!good) throw std::runtime_error{"cluster.sh " + words + ": " + told.str()};
        return told.str();
    }
    void change(std::string const& words) {
        run("node " + words);
        read_nodes();
    }
    void stop() noexcept {
        try {
            run("stop");
        } catch (std::exception const& problem) {
            std::fprintf(stderr, "%s\n", problem.what());
        }
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    void read_nodes() {
        nodes_.clear();
        std::ifstream in{dir() / "nodes"};
        for (node member; in >> member.name >> member.port >> member.pid >> member.role >> member.id;) {
            member.host = network_ ? "10.77.0." + member.name.substr(1) : "127.0.0.1";
            nodes_.push_back(member);
        }
        if (nodes_.empty()) throw std::runtime_error{"cluster: no nodes"};
    }

    /// Lines like "cmdstat_get:calls=3,usec=…".
    void read_statistics(node const& member, std::string const& section, std::string const& prefix,
                         std::string const& field, std::map<std::string, long long>& found) const {
        std::istringstream lines{talk(member).must({"INFO", section}).text};
        for (std::string line; std::getline(lines, line);) {
            auto const colon = line.find(':');
            auto const value = line.find(field);
            if (!line.starts_with(prefix) || colon == std::string::npos || value == std::string::npos)
                continue;
            found[line.substr(prefix.size(), colon - prefix.size())] =
                std::strtoll(line.c_str() + value + field.size(), nullptr, 10);
        }
    }

    mutable std::chrono::steady_clock::time_point elected_at_{};
    std::string password_;
    std::string sentinel_password_;
    int replicas_;
    bool network_;
    std::filesystem::path folder_;
    std::vector<node> nodes_;
    std::map<std::string, std::uint16_t> announced_;
    std::set<std::string> dead_, frozen_, cut_;
};

}  // namespace umbel::test
