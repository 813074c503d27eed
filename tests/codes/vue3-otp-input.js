// Six inputs of one character, drawn by Vue; the component says in the title what it holds.
import { createApp, h } from 'vue';
import OtpInput from 'vue3-otp-input';

const hold = (code) => {
  document.title = code;
};

createApp({
  render: () => h(OtpInput, { numInputs: 6, separator: '-', inputType: 'tel', onOnChange: hold }),
}).mount('#root');
