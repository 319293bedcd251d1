// proxied.hpp: a real cluster whose topology names proxies, so that every client that asks for it goes
// through them.
#pragma once

#include "cluster.hpp"
#include "fault_proxy.hpp"

#include <asio/executor_work_guard.hpp>

#include <future>
#include <list>
#include <map>
#include <string>
#include <thread>
#include <utility>

namespace umbel::test {

class proxied_cluster {
public:
    /// Lifetime: while this object lives the cluster's nodes announce the ports of proxies.
    explicit proxied_cluster(real_cluster& servers) : servers_{servers} {
        servers_.heal();
        for (auto const& node : servers_.nodes()) {
            fault_proxy& made = proxies_.emplace_back(io_, node.port);
            by_name_[node.name] = &made;
            servers_.announce(node, made.port());
        }
        thread_ = std::thread{[this] { io_.run(); }};
        try {
            servers_.await_announced();
        } catch (...) {
            end();
            throw;
        }
    }
    proxied_cluster(proxied_cluster const&) = delete;
    ~proxied_cluster() { end(); }

    /// Those of real_cluster::shared(), for all tests of one program run.
    static proxied_cluster& shared() {
        static proxied_cluster one{real_cluster::shared()};
        return one;
    }

    fault_proxy& at(real_cluster::node const& node) { return *by_name_.at(node.name); }
    std::string address(real_cluster::node const& node) {
        return "127.0.0.1:" + std::to_string(at(node).port());
    }

    void behave(real_cluster::node const& node, conduct now) {
        on_its_thread([&] { at(node).behave(std::move(now)); });
    }
    void behave_everywhere(conduct const& now) {
        on_its_thread([&] {
            for (fault_proxy& one : proxies_) one.behave(now);
        });
    }
    void lay(real_cluster::node const& node, ambush trap) {
        on_its_thread([&] { at(node).lay(std::move(trap)); });
    }
    void detain(real_cluster::node const& node) {
        on_its_thread([&] { at(node).detain(); });
    }
    void release(real_cluster::node const& node) {
        on_its_thread([&] { at(node).release(); });
    }
    std::uint64_t cuts() const {
        std::uint64_t sum = 0;
        for (fault_proxy const& one : proxies_) sum += one.cuts();
        return sum;
    }

private:
    void end() noexcept {
        try {
            for (auto const& node : servers_.nodes()) servers_.announce(node, 0);
            servers_.await_announced();
        } catch (std::exception const& problem) {
            std::fprintf(stderr, "%s\n", problem.what());
        }
        asio::post(io_, [this] {
            for (fault_proxy& one : proxies_) one.close();
        });
        busy_.reset();
        thread_.join();
    }

    template <class Task>
    void on_its_thread(Task task) {
        std::promise<void> done;
        asio::post(io_, [&] {
            task();
            done.set_value();
        });
        done.get_future().wait();
    }

    real_cluster& servers_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> busy_{io_.get_executor()};
    std::list<fault_proxy> proxies_;
    std::map<std::string, fault_proxy*> by_name_;
    std::thread thread_;
};

}  // namespace umbel::test
