// topology_fuzz: the three readers of topologies on any bytes. The first byte chooses the reader and the
// context; what is read must keep its bounds, can be merged with itself without a difference, and can be
// published.
#include <umbel/cluster/slot_table.hpp>
#include <umbel/cluster/topology_merge.hpp>
#include <umbel/cluster/topology_parse_nodes.hpp>
#include <umbel/cluster/topology_parse_shards.hpp>
#include <umbel/cluster/topology_parse_slots.hpp>
#include <umbel/resp/parser.hpp>
#include <umbel/resp/view.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace umbel;
using namespace umbel::cluster;

void expect(bool condition) {
    if (!condition) std::abort();
}

void check_bounds(topology const& told, std::size_t nodes_max) {
    expect(told.nodes.size() <= nodes_max);
    expect(told.covered_slots() <= slot_count);
    expect(told.self == topology::none || told.self < told.nodes.size());
    for (auto const& node : told.nodes) expect(!node.address.host.empty());
    std::size_t slots = 0;
    for (auto const& shard : told.shards) {
        expect(shard.primary == topology::none || shard.primary < told.nodes.size());
        for (auto const replica : shard.replicas)
            expect(replica < told.nodes.size() && replica != shard.primary);
        for (auto const range : shard.ranges) {
            expect(range.first <= range.last);
            slots += range.size();
        }
    }
    expect(slots == told.covered_slots());
}

void check_uses(topology const& told) {
    static auto const table = std::make_unique<slot_table>(slot_table::shards_max_default);
    static topology before;
    expect(!differs(told, told));
    expect(!differs(merge(told, told), told));
    check_bounds(merge(before, told), 2 * topology::nodes_max);
    std::array const answers{before, told, told};
    check_bounds(choose(answers), 2 * topology::nodes_max);
    expect(told.nodes.empty() || shares_known_node(told, told));

    std::vector<std::uint16_t> numbers(told.nodes.size());
    for (std::size_t index = 0; index < numbers.size(); ++index)
        numbers[index] = static_cast<std::uint16_t>(index);
    table->publish(told, numbers);
    expect(table->publish(told, numbers).unchanged());
    for (std::uint16_t at = 0; at < slot_count; at = static_cast<std::uint16_t>(at + 61)) {
        std::uint32_t const owner = told.owner(slot{at});
        expect(table->primary_of(slot{at}) == (owner == topology::none ? no_node : owner));
    }
    before = told;
}

result<topology> read(unsigned choice, std::string& bytes, parse_context const& context) {
    if (choice % 3 == 0) return parse_cluster_nodes(bytes, context);
    resp::parser parser;
    parser.start();
    if (parser.parse(std::span<char>{bytes}) != resp::parser::status::complete)
        return fail(errc::protocol_error, delivery::executed);
    resp::view const reply{parser.root(), bytes.data()};
    return choice % 3 == 1 ? parse_cluster_slots(reply, context) : parse_cluster_shards(reply, context);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    unsigned const choice = data[0];
    std::string bytes{reinterpret_cast<char const*>(data) + 1, size - 1};
    parse_context const context{(choice & 64) != 0 ? "" : "10.9.9.9", (choice & 128) != 0,
                                topology::nodes_max};
    auto const told = read(choice, bytes, context);
    if (!told) {
        expect(told.error().code() == errc::protocol_error);
        return 0;
    }
    check_bounds(*told, context.nodes_max);
    check_uses(*told);
    return 0;
}
