// uses_links: what umbel::umbel brings along, without the time to compile a client: Asio's headers and
// threads.
#include <umbel/error.hpp>

#include <asio/version.hpp>

#include <thread>

int main() {
    int version = 0;
    std::thread{[&version] { version = ASIO_VERSION; }}.join();
    return version >= 102800 && umbel::origin_of(umbel::errc::moved) == umbel::origin::cluster ? 0 : 1;
}
