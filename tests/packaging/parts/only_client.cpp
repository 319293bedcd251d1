#include <umbel/client.hpp>
