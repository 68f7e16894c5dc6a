// Classic BPF for net/capture: the kernel throws away what the capture is not about before it is
// copied anywhere. Offsets count from the network header, since the socket is SOCK_DGRAM.
#include "net/capture_filter.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

#include <cstdint>

namespace peerhold {
namespace {

// Some 20 a pair of IPv4, 45 of IPv6. The kernel makes up to ten of each and charges them, 8 bytes
// apiece, to the socket's optmem: 128 KiB, on older ones 20.
constexpr std::size_t most_instructions = 1600;
constexpr std::uint32_t whole = 0xffffffff, nothing = 0;
constexpr std::uint32_t loopback_device = 1;  // in every network namespace

class Program {
 public:
  void add(unsigned code, std::uint32_t k, std::uint8_t yes = 0, std::uint8_t no = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), yes, no, k});
  }
  void load_about(int what) {  // what the kernel knows beside the bytes
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + what));
  }
  void answer(std::uint32_t bytes) { add(BPF_RET | BPF_K, bytes); }
  // Answers at once when the loaded value is `k`.
  void answer_if(std::uint32_t k, std::uint32_t bytes) {
    add(BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1);
    answer(bytes);
  }
  void answer_if_any_bit(std::uint32_t bits, std::uint32_t bytes) {
    add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    answer(bytes);
  }
  // Goes on only with what is `k`; the rest is dropped.
  void demand(std::uint32_t k) {
    add(BPF_JMP | BPF_JEQ | BPF_K, k, 1, 0);
    answer(nothing);
  }
  // To the next after end_block(): what does not fit this pair may fit another.
  void demand_in_block(std::uint32_t k, unsigned test = BPF_JEQ) {
    open_.push_back(code_.size());
    add(BPF_JMP | test | BPF_K, k);
  }
  void end_block() {
    for (const std::size_t at : open_)
      code_[at].jf = static_cast<std::uint8_t>(code_.size() - at - 1);
    open_.clear();
  }
  std::size_t size() const { return code_.size(); }
  sock_filter& at(std::size_t i) { return code_[i]; }
  std::vector<sock_filter> take() { return std::move(code_); }

 private:
  std::vector<sock_filter> code_;
  std::vector<std::size_t> open_;
};

bool of_family(const Address& address, int family) {
  return !address || address.family == family;
}

void demand_address(Program& p, const Address& address, std::uint32_t at) {
  if (any(address)) return;
  for (std::size_t i = 0; i < (address.family == 4 ? 4 : 16); i += 4) {
    const std::uint8_t* b = address.bytes.data() + i;
    p.add(BPF_LD | BPF_W | BPF_ABS, at + static_cast<std::uint32_t>(i));
    p.demand_in_block(std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 |
                      std::uint32_t{b[2]} << 8 | b[3]);
  }
}

void demand_port(Program& p, std::uint16_t port, std::uint32_t at) {
  if (port == 0) return;
  p.add(BPF_LD | BPF_H | BPF_IND, at);  // X: where TCP begins
  p.demand_in_block(port);
}

void one_way(Program& p, const Endpoint& from, const Endpoint& to, bool opening, int family) {
  const bool v4 = family == 4;
  if (opening) {
    p.add(BPF_LD | BPF_B | BPF_IND, 13);
    p.demand_in_block(Segment::syn, BPF_JSET);
  }
  demand_port(p, from.port, 0);
  demand_port(p, to.port, 2);
  demand_address(p, from.address, v4 ? 12 : 8);
  demand_address(p, to.address, v4 ? 16 : 24);
  p.answer(whole);
  p.end_block();
}

// X is where TCP begins.
void pairs_of(Program& p, const std::vector<Capture::Pair>& only, bool wide, int family) {
  if (wide) {
    // A header of 40 bytes: the MD5 option is 18 of them. Or SYN, or RST.
    p.add(BPF_LD | BPF_B | BPF_IND, 12);
    p.add(BPF_JMP | BPF_JGE | BPF_K, 10 << 4, 0, 1);
    p.answer(whole);
    p.add(BPF_LD | BPF_B | BPF_IND, 13);
    p.answer_if_any_bit(Segment::syn | Segment::rst, whole);
  } else {
    for (const Capture::Pair& pair : only) {
      if (!of_family(pair.local.address, family) || !of_family(pair.peer.address, family)) continue;
      one_way(p, pair.local, pair.peer, pair.opening, family);
      one_way(p, pair.peer, pair.local, pair.opening, family);
    }
  }
  p.answer(nothing);
}

}  // namespace

std::vector<sock_filter> capture_filter(const std::vector<Capture::Pair>& only, bool wide) {
  Program p;
  // Loopback shows each segment twice, and a VLAN's device shows again what its lower device shows
  // with a tag.
  p.load_about(SKF_AD_VLAN_TAG_PRESENT);
  p.demand(0);
  p.load_about(SKF_AD_PKTTYPE);
  p.answer_if(PACKET_OTHERHOST, nothing);
  p.add(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 3);
  p.load_about(SKF_AD_IFINDEX);
  p.answer_if(loopback_device, nothing);

  p.load_about(SKF_AD_PROTOCOL);
  p.add(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 1);
  p.add(BPF_JMP | BPF_JA, 0);
  const std::size_t to_v4 = p.size() - 1;
  p.demand(ETH_P_IPV6);

  p.add(BPF_LD | BPF_B | BPF_ABS, 6);  // the next header
  for (const std::uint32_t extension : {0u, 43u, 60u}) p.answer_if(extension, whole);  // rare
  p.demand(IPPROTO_TCP);
  p.add(BPF_LDX | BPF_W | BPF_IMM, 40);
  pairs_of(p, only, wide, 6);

  p.at(to_v4).k = static_cast<std::uint32_t>(p.size() - to_v4 - 1);
  p.add(BPF_LD | BPF_B | BPF_ABS, 9);  // the protocol
  p.demand(IPPROTO_TCP);
  p.add(BPF_LD | BPF_H | BPF_ABS, 6);
  p.answer_if_any_bit(0x3fff, nothing);  // a fragment
  p.add(BPF_LDX | BPF_B | BPF_MSH, 0);   // the header's length
  pairs_of(p, only, wide, 4);
  return p.size() > most_instructions ? capture_filter(only, true) : p.take();
}

}  // namespace peerhold
