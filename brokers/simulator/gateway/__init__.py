"""What a gateway does between its clients and the exchange. Sans-I/O: messages in, messages out."""
