// A line on the control socket, and a line of its answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "control/protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (const auto request = peerhold::parse_request(line)) {
    // What was understood is understood again as the same.
    const auto again = peerhold::parse_request(peerhold::render(*request));
    if (!again || !(*again == *request)) std::abort();
  }
  (void)peerhold::parse_answer(line);
  return 0;
}
