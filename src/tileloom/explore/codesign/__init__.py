"""Networks and accelerators chosen together: spaces of networks, tables of layer costs, and the exact and semi-decoupled searches."""
