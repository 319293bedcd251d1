// uses_core: a program that needs no more than umbel::core.
#include <umbel/cluster/slot.hpp>
#include <umbel/error.hpp>

int main() {
    umbel::result<int> const failed = umbel::fail(umbel::errc::overloaded, umbel::delivery::not_sent);
    bool const told = !failed && failed.error().code() == umbel::errc::overloaded;
    return told && umbel::cluster::slot_count == 16384 ? 0 : 1;
}
