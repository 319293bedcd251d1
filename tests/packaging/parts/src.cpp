#include <umbel/src.hpp>
