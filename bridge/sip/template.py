"""The `sip.yaml` to start from."""

from typing import Final

TEMPLATE: Final = """\
# Who may send calls to the bridge over SIP. `callbridge sip config --check` says what is wrong with this file.
# Passwords do not stand here: each *_from names a variable of the environment, or a line of .env.

listen:
  address: 0.0.0.0        # every interface
  udp: 5060
  # tcp: 5060
  # tls: {certificate: /etc/callbridge/fullchain.pem, key: /etc/callbridge/privkey.pem, port: 5061}
  rtp: [10000, 10999]     # two ports a call; open them in the firewall

# Behind a router: the address that the internet sees.
# public_address: 203.0.113.7

trunks:
  # A PBX in the house, known by its address.
  - name: pbx
    kind: address
    addresses: [192.168.1.10]

  # A carrier on the internet that gives a name and password with each call.
  # - name: carrier
  #   kind: login
  #   user: carrier
  #   password_from: CARRIER_PASSWORD
  #   jitter_buffer_ms: 40

  # A carrier at which we register with what it gave us.
  # - name: provider
  #   kind: register
  #   server: sip.example.net
  #   user: "4420123456"
  #   password_from: PROVIDER_PASSWORD
  #   jitter_buffer_ms: 40

# Telephones that register here. Whatever they dial reaches the bridge.
phones: []
#  - name: desk
#    user: desk
#    password_from: DESK_PASSWORD
#    persona: dental        # whoever is dialled
"""
