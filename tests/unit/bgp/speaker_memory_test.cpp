// What one idle session costs.
#include <doctest/doctest.h>
#include <malloc.h>

#include "fake_host.hpp"
#include "speaker.hpp"

using namespace bgp;

TEST_CASE("memory of an Established session without an app") {
  // Beside the speaker the fake host allocates as well: the difference of two is the speakers'.
  constexpr std::size_t sessions = 64;
  std::vector<std::unique_ptr<ph_instance>> hosts;
  for (std::size_t i = 0; i < sessions; ++i) {
    hosts.push_back(std::make_unique<ph_instance>());
    hosts.back()->sees_status = false;
    hosts.back()->open();
    peer_establishes(*hosts.back());
    hosts.back()->take(PH_PEER);
  }
  const auto before = mallinfo2().uordblks;
  for (auto& host : hosts) host->close();
  const auto of_one = (before - mallinfo2().uordblks) / sessions;
  MESSAGE("sizeof(Speaker) = " << sizeof(Speaker) << ", sizeof(Connection) = " << sizeof(Connection)
                               << ", sizeof(Options) = " << sizeof(Options)
                               << "; all of it on the heap: " << of_one << " bytes");
  CHECK(sizeof(Speaker) + sizeof(Connection) <= 2048);
#if !defined(__SANITIZE_ADDRESS__)
  CHECK(of_one <= 2560);
#endif
}
