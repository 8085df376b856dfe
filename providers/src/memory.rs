pub struct InMemory;
